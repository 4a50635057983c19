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


@pytest.mark.parametrize(
    "module", ["tubeq", "tubeq.plugins.youtube.channel", "tubeq.workers.runner", "tubeq.cli.main"]
)
def test_nothing_imports_yt_dlp_before_it_is_used(module):
    code = f"import sys, {module}; sys.exit('yt_dlp' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_the_package_alone_imports_no_layer():
    code = (
        "import sys, tubeq;"
        "seen = {name for name in sys.modules if name.startswith('tubeq.')};"
        "sys.exit(seen != {'tubeq._moved'})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_workers_do_not_pay_for_the_command_line():
    code = (
        "import sys, tubeq.workers.runner, tubeq.plugins.registry;"
        "sys.exit(bool({'rich', 'argparse'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
