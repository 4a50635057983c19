"""Which SQLite versions are refused, and which are known to have the WAL-reset bug."""

from __future__ import annotations

import pytest

from tubeq.domain.errors import UnsafeSQLite
from tubeq.storage.sqlite.file.version import require_supported, wal_reset_bug


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 35, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_the_wal_reset_bug_is_known_by_version(version, affected):
    assert wal_reset_bug(version) is affected


def test_a_library_without_returning_is_refused():
    with pytest.raises(UnsafeSQLite):
        require_supported((3, 34, 1))
    require_supported((3, 35, 0))
