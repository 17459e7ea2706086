"""What tests need to freeze programs without Pants."""
