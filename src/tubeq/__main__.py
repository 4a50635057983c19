"""`python -m tubeq`, and the command `tubeq`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Ctrl-C ends it with exit code 130, also while it is imported."""
    try:
        from tubeq.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":  # spawned worker processes import this module too
    main()
