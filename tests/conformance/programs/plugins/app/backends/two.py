NAME = "backend two"
