"""Where threads are kept: in memory, or in Redis."""
