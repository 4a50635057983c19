"""The vocabulary of the queue: pure values and rules, no I/O and no clock reads."""
