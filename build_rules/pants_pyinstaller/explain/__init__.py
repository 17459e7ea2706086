"""What is inside a frozen program: why, how large, what changed."""
