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
    "no Ctrl-C for one process: tests/windows/ctrl_c.py presses it at a terminal": (
        "e2e/test_enrich.py::test_ctrl_c",
        "e2e/test_enrich.py::test_who_waits_for_a_pause",
    ),
    "Windows takes ~name for a folder next to this user's home": (
        "unit/cli/test_settings.py::test_a_home_that_is_not_there",
    ),
}
_GIT = "there is no git here"
WITHOUT_GIT: Tests = {
    _GIT: (
        "lab/test_asv.py::test_it_runs_one_here",
        "lab/test_asv_pages.py",
        "lab/test_backfill.py",
        "lab/test_compare_commands.py::test_bad_input_is_named[arguments0",
        "lab/test_compare_commands.py::test_bisect_wants_an_ancestor",
        "lab/test_elsewhere.py",
        "lab/test_every_lab_command.py::test_bad_input_is_refused_in_a_line[backfill",
        "lab/test_every_lab_command.py::test_bad_input_is_refused_in_a_line[bisect no-such",
        "lab/test_every_lab_command.py::test_bad_input_is_refused_in_a_line[compare no-such",
        "lab/test_every_lab_command.py::test_bad_input_is_refused_in_a_line[gate no-such",
        "lab/test_every_lab_command.py::test_bad_input_is_refused_in_a_line[history",
        "lab/test_every_lab_command.py::test_bad_input_is_refused_in_a_line[prove --revision",
        "lab/test_git.py",
        "lab/test_history_proof.py::test_records_of_another_package",
        "lab/test_history_proof.py::test_the_pool_is_filled",
        "lab/test_packages.py",
    ),
}
"""And what has the fixture `repository`."""
UNDER_WINE: Tests = {
    "no absolute time is judged under Wine": ("integration/test_performance.py",),
    "a step of the Windows leg by itself": (
        "lab/test_pytest_benchmark.py",
        "lab/test_workloads.py",  # the smoke profile runs each
    ),
    "other queues are installed from the network": tuple(
        f"lab/test_peers.py::test_{name}"
        for name in (
            "every_verb",
            "a_peer_is_measured",
            "what_cannot_be_installed",
            "processes_share",
            "tubeq_loses_nothing",
            "the_run_says",
        )
    ),
}
WINES_GAPS: dict[str, str] = {
    "unit/storage/test_leases_over_boots.py::test_this_machine_tells_its_boot": "the boot's number",
}
"""Tests that fail because of Wine: the gap, a test of test_wine.py by its words."""


def mark(items: Sequence[pytest.Item]) -> None:
    """Skip what is left out here, with its reason; expect the failures that Wine causes."""
    left_out = dict(ON_WINDOWS)
    has_git = shutil.which("git") is not None
    if not has_git:
        left_out |= WITHOUT_GIT
    gaps: Tests = {}
    if wine_version():
        left_out |= UNDER_WINE
        gaps = {f"Wine's gap: {gap}": (test,) for test, gap in WINES_GAPS.items()}
    for item in items:
        name = item.nodeid.removeprefix("tests/")
        for reason in _reasons(name, left_out):
            item.add_marker(pytest.mark.skip(reason=reason))
        if not has_git and "repository" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason=_GIT))
        for reason in _reasons(name, gaps):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def _reasons(name: str, tests: Tests) -> list[str]:
    return [reason for reason, names in tests.items() if name.startswith(names)]
