"""The program that writes explanations; on the target's Python, beside the driver."""
