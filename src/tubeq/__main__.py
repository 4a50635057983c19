"""`python -m tubeq`, and the command `tubeq`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Its import takes a moment, in which Ctrl-C is Ctrl-C as well."""
    try:
        from tubeq.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":  # spawned worker processes import this module too
    main()
