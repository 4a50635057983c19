"""Which tests Windows leaves out, and why; and which ones fail because of Wine, where the Windows
leg of CI runs them (docs/windows.md)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import pytest

from benchmarks.records.environment import wine_version

Tests = dict[str, tuple[str, ...]]
"""By reason: ids below tests/, or the beginnings of ids."""

ON_WINDOWS: Tests = {
    "symbolic links are a right that Windows gives to administrators only": (
        "unit/cli/test_reading_commands.py::test_doctor_tells_of_links",
        "unit/cli/test_reading_commands.py::test_export_does_not_write_over_the_files_of_a_linked",
        "unit/cli/test_restore_and_prune.py::test_a_backup_that_cannot_be_made_is_told",
        "unit/queue/test_export.py::test_the_files_of_the_queue_are_not_written_over",
        "unit/storage/test_restore.py::test_a_link_stays_a_link",
    ),
    "reads Linux's /proc": (
        "unit/storage/test_one_database.py::test_a_single_file_that_is_mounted_is_told",
        "unit/storage/test_one_database.py::test_a_folder_that_takes_no_files_is_not_called_full",
    ),
    "Windows takes ~name for a folder next to this user's home": (
        "unit/cli/test_settings.py::test_a_home_that_is_not_there",
    ),
}
WITHOUT_GIT: Tests = {}
UNDER_WINE: Tests = {
    "no absolute time is judged under Wine": ("integration/test_performance.py",),
}
WINES_GAPS: dict[str, str] = {
    "unit/storage/test_leases_over_boots.py::test_this_machine_tells_its_boot": "the boot's number",
}
"""Tests that fail because of Wine: the gap, a test of test_wine.py by its words."""


def mark(items: Sequence[pytest.Item]) -> None:
    """Skip what is left out here, with its reason; expect the failures that Wine causes."""
    left_out = dict(ON_WINDOWS)
    if shutil.which("git") is None:
        left_out |= WITHOUT_GIT
    gaps: Tests = {}
    if wine_version():
        left_out |= UNDER_WINE
        gaps = {f"Wine's gap: {gap}": (test,) for test, gap in WINES_GAPS.items()}
    for item in items:
        name = item.nodeid.removeprefix("tests/")
        for reason in _reasons(name, left_out):
            item.add_marker(pytest.mark.skip(reason=reason))
        for reason in _reasons(name, gaps):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def _reasons(name: str, tests: Tests) -> list[str]:
    return [reason for reason, names in tests.items() if name.startswith(names)]
