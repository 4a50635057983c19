"""Workers: one task at a time in one process, and the supervisor of many."""
