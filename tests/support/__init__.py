"""Real servers and processes that tests of every folder share (import root: `tests`)."""
