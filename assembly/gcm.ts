// gcm
