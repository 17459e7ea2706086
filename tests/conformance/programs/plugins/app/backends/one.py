NAME = "backend one"
