"""Which SQLite versions are refused, and which are known to have the WAL-reset bug."""

from __future__ import annotations

import pytest

from tubeq.domain.errors import UnsafeSQLite
from tubeq.storage.sqlite.file.version import require_supported, wal_reset_bug

AFFECTED = [(35, 0), (40, 1), (44, 5), (45, 0), (50, 6), (51, 0), (51, 2)]
FIXED = [(44, 6), (50, 7), (51, 3), (53, 0)]


@pytest.mark.parametrize("version", AFFECTED + FIXED)
def test_the_wal_reset_bug_is_known_by_version(version):
    assert wal_reset_bug((3, *version)) is (version in AFFECTED)


def test_a_library_without_returning_is_refused():
    with pytest.raises(UnsafeSQLite):
        require_supported((3, 34, 1))
    require_supported((3, 35, 0))
