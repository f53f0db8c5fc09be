// merkle
