"""The command `tubeq`: arguments in, tables or JSON out, nothing decided here about the queue."""
