"""`agent-runner check`: test everything that the worker needs, one by one."""
