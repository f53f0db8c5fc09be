// sha256
