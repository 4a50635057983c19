"""The SQLite back end against the reference model, step by step, over random lives."""
