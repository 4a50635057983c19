"""What users import stays small, sorted and quick."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tubeq


def test_the_public_names_are_sorted_and_exist():
    assert list(tubeq.__all__) == sorted(tubeq.__all__)
    for name in tubeq.__all__:
        assert getattr(tubeq, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError):
        tubeq.Nothing  # noqa: B018


def imported(modules):
    """What else is imported with these."""
    code = f"import sys, {modules}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, timeout=30, capture_output=True)
    return set(ran.stdout.decode().split())


@pytest.mark.parametrize(
    "module", ["tubeq", "tubeq.plugins.youtube.channel", "tubeq.workers.runner", "tubeq.cli.main"]
)
def test_nothing_imports_yt_dlp_before_it_is_used(module):
    assert "yt_dlp" not in imported(module)


def test_the_package_alone_imports_no_layer():
    layers = {name for name in imported("tubeq") if name.startswith("tubeq.")}
    assert layers == {"tubeq._moved"}


def test_workers_do_not_pay_for_the_command_line():
    seen = imported("tubeq.workers.runner, tubeq.plugins.registry")
    assert not {"rich", "argparse"} & seen
