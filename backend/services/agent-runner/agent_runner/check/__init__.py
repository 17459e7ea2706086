"""`agent-runner check`: everything that the worker needs, tested one by one."""
