"""A Pants backend that says what caches did for a run, process by process."""
