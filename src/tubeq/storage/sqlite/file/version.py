"""Which SQLite libraries are safe for what."""

from __future__ import annotations

import sqlite3

from tubeq.domain.errors import UnsafeSQLite

Version = tuple[int, int, int]

MINIMUM: Version = (3, 35, 0)
"""The first version with RETURNING."""


def wal_reset_bug(version: Version = sqlite3.sqlite_version_info) -> bool:
    """Whether that version has the WAL-reset bug (https://sqlite.org/wal.html#walresetbug).

    A checkpoint that begins just after another has finished can miss that a writer starts the log
    again meanwhile, and then pass over pages that were never copied. Fixed in 3.51.3, and in 3.44.6
    and 3.50.7 on their branches. tubeq's checkpoints exclude that writer (see wal.Checkpointer), so
    they are safe on every version; those of other programs on the file may not be.
    """
    if version >= (3, 51, 3):
        return False
    return not any(branch <= version < (3, branch[1] + 1, 0) for branch in _FIXED_BRANCHES)


_FIXED_BRANCHES: tuple[Version, ...] = ((3, 44, 6), (3, 50, 7))


def require_supported(version: Version = sqlite3.sqlite_version_info) -> None:
    """Refuse a library that lacks what the queue needs.

    Raises:
        UnsafeSQLite: it is older than 3.35.
    """
    if version < MINIMUM:
        found, needed = (".".join(map(str, each)) for each in (version, MINIMUM))
        raise UnsafeSQLite(
            f"this Python's SQLite is {found}; tubeq needs {needed}: install a newer Python"
        )
