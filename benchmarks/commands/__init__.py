"""The commands of the lab, one a file, each with `add_arguments(parser)` and `run(options)`."""
