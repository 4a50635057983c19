"""Hostile text loses its teeth and nothing else."""

from __future__ import annotations

import pytest

from tubeq.plugins.text import plain_text, redacted


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Ein Fuchs 🦊 und 狐", "Ein Fuchs 🦊 und 狐"),
        ("👩‍🚀 keeps her joiner", "👩‍🚀 keeps her joiner"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("two\nlines\tand\u2028three", "two lines and three"),
        ("txt.\u202egpj", "txt.gpj"),
        ("\u2066isolated\u2069", "isolated"),
        ("half a pair \ud83e", "half a pair"),
        ("c1 \x9b31m", "c1 31m"),
        ("  spaces  ", "spaces"),
        ("", ""),
    ],
)
def test_plain_text(text: str, plain: str) -> None:
    assert plain_text(text) == plain
    plain_text(text).encode("utf-8")


def test_plain_text_is_cut() -> None:
    assert plain_text("x" * 100_000) == "x" * 10_000
    assert plain_text("abcdef", 3) == "abc"


def test_redacted() -> None:
    assert redacted("no secret") == "no secret"
    assert redacted("proxy http://user:pass@host:1/ down") == "proxy http://***@host:1/ down"
    assert redacted("said hunter2, hunter22", ["hunter2", "hunter22"]) == "said ***, ***"
