"""What the exit codes of `tubeq` mean."""

EXIT_WORK_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
