"""What Wine 8 lacks: each in a few lines without tubeq, that pass on Windows and fail here. A Wine
that fills the gap turns its test red, and the entry of left_out.py can go."""

from __future__ import annotations

import pytest

from benchmarks.records.environment import wine_version

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xfail(bool(wine_version()), reason="Wine's gap", strict=True),
]


def test_the_boots_number() -> None:
    import winreg

    key = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as parameters:
        assert winreg.QueryValueEx(parameters, "BootId")[0] > 0
