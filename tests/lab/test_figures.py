"""Figures in documents are what results/ says, and a document that differs is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.common.exits import BadInput, ExitCode
from benchmarks.reporting.figures import BLOCKS, filled

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


def block(name: str, text: str = "") -> str:
    return f"before\n<!-- figures: {name} -->\n{text}<!-- /figures -->\nafter\n"


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_made_of_results_and_nothing_else_changes(name: str) -> None:
    once = filled(block(name, "an older figure\n"), RESULTS)

    assert once.startswith("before\n") and once.endswith("after\n")
    assert "an older figure" not in once and "|" in once
    assert filled(once, RESULTS) == once


@pytest.mark.parametrize("name", BLOCKS)
def test_what_is_not_measured_yet_is_said(name: str, tmp_path: Path) -> None:
    assert "Not measured yet" in filled(block(name), tmp_path)


def test_a_block_of_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no block of figures 'speed'"):
        filled(block("speed"), tmp_path)


def test_a_typed_figure_is_found_and_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "page.md"
    document.write_text(block("gate-proof", "0 of 1,000\n"), encoding="utf-8")

    assert main(["figures", "--check", str(document)]) == ExitCode.REGRESSION
    assert "python -m benchmarks figures" in capsys.readouterr().err
    assert "0 of 1,000" in document.read_text(encoding="utf-8")
    assert main(["figures", str(document)]) == ExitCode.PASS
    assert "0 of 1,000" not in document.read_text(encoding="utf-8")
    assert main(["figures", "--check", str(document)]) == ExitCode.PASS
