"""A program that imports a module by its old path gets the module, and is warned."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib import import_module

import pytest

from tubeq._moved import FIXED_BY_SPECIFICATION, MOVED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_path_is_the_new_module(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, old, raising=False)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = import_module(old)
    assert found is import_module(MOVED[old])
    assert found.__spec__ is not None and found.__spec__.name == MOVED[old]
    assert [MOVED[old] in str(each.message) for each in seen] == (
        [] if old in FIXED_BY_SPECIFICATION else [True]
    )


def test_the_warning_points_at_the_program_that_imports() -> None:
    code = "\nimport tubeq.plugins.video_plugin"
    run = subprocess.run(
        [sys.executable, "-Wd", "-c", code], capture_output=True, text=True, check=True
    )
    assert "<string>:2: DeprecationWarning" in run.stderr


@pytest.mark.parametrize("name", ["tubeq.plugins.nowhere", "tubeq.storage.ports.nowhere"])
def test_a_module_that_never_was_is_not_found(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=name):
        import_module(name)
