"""Cloud mode: reporting status to a backend over gRPC, authorized by OAuth 2."""
