"""Names that Windows gives to no file are refused there, before anything is made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tubeq import QueueManager
from tubeq.domain.errors import InvalidParameters
from tubeq.storage.windows_names import why_refused

REFUSED = {
    "a device": ["NUL", "nul", "nul.db", "C:NUL", r"C:\aux\q.db", "com1.db", "LPT³", "con .db"],
    "it is a device": [r"\\.\NUL", r"\\.\PhysicalDrive0"],
    "allows no": ["q.db:stream", "a|b.db", r"C:\what?\q.db", "<q>.db", "q\t.db", '"q".db'],
    "at the end": ["q.db.", "q.db ", r"folder.\q.db", "folder /q.db"],
}
TAKEN = [
    "q.db", r"C:\data\q.db", "C:q.db", r"..\q.db", "./q.db", r"\\server\share\q.db", "com10.db",
    r"\\?\C:\data\q.db", "console.db", "null", "tea ☕ räume.db", "a.b.c", "nulls.db", "com.db",
]  # fmt: skip


@pytest.mark.parametrize(("reason", "names"), REFUSED.items())
def test_what_is_refused(reason: str, names: list[str], tmp_path: Path) -> None:
    for name in names:
        assert reason in (why_refused(name) or ""), name
        if sys.platform == "win32":
            with pytest.raises(InvalidParameters, match=reason):
                QueueManager(name)


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken(name: str) -> None:
    assert why_refused(name) is None
