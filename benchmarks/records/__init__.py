"""What was measured, kept: the schema, the history, what a package and a machine are."""
