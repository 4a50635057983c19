"""What a hostile title can do to a terminal or to a parser: nothing."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import Any

import pytest

from tubeq.cli import console, tables
from tubeq.domain.json_format import SCHEMA
from tubeq.workers.standard_streams import guard


def _pipe(encoding: str, errors: str = "backslashreplace") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors)


def _written(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\x00", "a\\nb\\tc\\x00"),
        ("\x9b2J", "\\x9b2J"),
        ("abc\u202egpj", "abc\\u202egpj"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("lone \udc80", "lone \\udc80"),
        ("👩\u200d🚀 日本 ö", "👩\u200d🚀 日本 ö"),
    ],
)
def test_visible_escapes_what_steers_a_terminal(text: str, seen: str) -> None:
    assert tables.visible(text) == seen


def test_markup_in_a_title_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    console.draw("[bold red]sale[/] :smile: [link=x]")
    assert capsys.readouterr().out == "[bold red]sale[/] :smile: [link=x]\n"


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.say_error("first\nsecond [/red] " + "long " * 100)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: first\\nsecond [/red] long")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_json_survives_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = [{"title": "日本 👩\u200d🚀 \x1b \x9b \udc80"}]
    stream = _pipe(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    console.write_json(value)
    written = _written(stream)
    assert json.loads(written.decode(encoding)) == [{"schema": SCHEMA, **value[0]}]
    assert b"\x1b" not in written
    assert "\x9b" not in written.decode(encoding)


def test_csv_is_faithful_utf8_on_a_cp1252_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[dict[str, Any]] = [
        {"title": "=1+1", "extra": {"a": "日本"}, "views": None},
        {"title": 'say "hi",\r\nnow', "extra": {}, "views": 5},
    ]
    stream = _pipe("cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    console.write_csv(["title", "views", "extra"], rows, raw=True)
    read = list(csv.DictReader(io.StringIO(_written(stream).decode("utf-8"), newline="")))
    assert [row["title"] for row in read] == [row["title"] for row in rows]
    stream = _pipe("cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    console.write_csv(["title", "views", "extra"], rows)
    assert _written(stream).splitlines()[1].startswith(b"'=1+1,")
    assert json.loads(read[0]["extra"]) == {"a": "日本"}
    assert [row["views"] for row in read] == ["", "5"]


def test_prepared_streams_cannot_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = _pipe("cp1252", "strict")
    monkeypatch.setattr(sys, "stdout", stream)
    guard()
    console.draw("日本 ✓")
    sys.stdout.flush()
    assert b"\\u65e5" in _written(stream)
