// sha512
