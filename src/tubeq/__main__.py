"""`python -m tubeq`: the same as the command `tubeq`."""

from __future__ import annotations

from tubeq.cli.main import main

if __name__ == "__main__":  # spawned worker processes import this module too
    main()
