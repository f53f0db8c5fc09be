// chain
