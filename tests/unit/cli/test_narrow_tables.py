"""Tables in narrow terminals: what matters least goes, the rest wraps, and nothing sticks out."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from tubeq.cli import db, items_render, tasks_render
from tubeq.cli.tables import Page, Table
from tubeq.domain.items import Item
from tubeq.domain.models import Result, Task
from tubeq.domain.states import TaskStatus
from tubeq.storage.ports.maintenance import PruneCount

TITLES = [
    "A fine title",
    "日本語のとても長いタイトルがここにあります",
    "عنوان عربي",
    "bad \x1b[31m \u202e end",
]
WIDTHS = [40, 60, 80, 120]
PLAIN = None


def drawn(table: Table, width: int | None) -> str:
    return "".join(f"{line}\n" for line in table.lines(Page(width)))


def squeezed(text: str) -> str:
    """Without what wrapping puts between."""
    return "".join(text.split())


def found(kind: Any, **fields: Any) -> list[Any]:
    """An item or a result with each of the titles."""
    known = {"views": 1_234_567_890, "score": 75.0, "duration_s": 3723.0}
    known["published_at"] = "2026-11-01 00:00:00.000000"
    blank = kind(**{**dict.fromkeys(kind._fields), **known, **fields})
    return [
        blank._replace(source_id=f"dQw4w9WgX{number:02}", title=title)
        for number, title in enumerate(TITLES)
    ]


def items() -> Any:
    growing = found(Item, growth=1_000_000, channel="The Channel of Long Names")
    return items_render.item_table(growing, "7d")


def ideas() -> Any:
    return tasks_render.idea_table(found(Result))


def task(number: int, parameters: str, **fields: Any) -> Task:
    columns: dict[str, Any] = {
        **dict.fromkeys(Task._fields),
        "task_id": f"6612375ae51def090e{number:02}",
        "task_type": "youtube_channel",
        "parameters_json": parameters,
        "status": TaskStatus.RUNNING,
        "created_at": "2026-11-26 00:00:00.000000",
        "retry_count": 0,
        "crash_count": 0,
        "worker_id": "host-123-abcdef-1",
        **fields,
    }
    return Task(**columns)


def tasks() -> Any:
    return tasks_render.task_table(
        [
            task(1, '{"channel_url": "@a-rather-long-handle"}'),
            task(2, '{"query": "tea"}', task_type="youtube_search"),
        ],
        1_795_653_087.0,
    )


TABLES = {"items": items, "ideas": ideas, "tasks": tasks}


def prunable() -> Any:
    times = "2026-11-01 10:00:00.000000", "2026-11-26 10:00:00.000000"
    return db.prune_table([PruneCount("youtube_channel", "COMPLETED", 12_345, *times, 99)])


@pytest.mark.parametrize("width", WIDTHS)
def test_what_would_be_pruned_is_shown_at_any_width(width: int) -> None:
    text = squeezed(drawn(prunable(), width))
    for words in ("youtube_channel", "COMPLETED", "12,345", "2026-11-01", "2026-11-2610:00"):
        assert words in text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", TABLES)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    for line in drawn(TABLES[name](), width).splitlines():
        assert cell_len(line) <= width


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["items", "ideas"])
def test_ids_and_titles_are_shown_at_any_width(name: str, width: int) -> None:
    text = drawn(TABLES[name](), width)
    for number, title in enumerate(TITLES[:1]):
        assert f"dQw4w9WgX{number:02}" in text
        assert title in text
    assert "日本語" in text
    assert "\x1b[31m" not in text


@pytest.mark.parametrize("width", WIDTHS)
def test_parameters_are_whole_at_any_width(width: int) -> None:
    text = drawn(tasks(), width)
    assert "channel_url=@a-rather-long-handle" in squeezed(text)
    assert "6612375ae51def090e01" in text
    assert "RUNNING" in text


def test_what_matters_least_goes_first() -> None:
    assert "score" in drawn(items(), 120)
    assert "score" not in drawn(items(), 80)
    assert "views" in drawn(items(), 60)
    assert "channel" not in drawn(items(), 60)


def test_where_nothing_fits_rows_are_stacked() -> None:
    rows = [("a-name-of-some-length", 4, 2)]
    table = Table("name", "at once", "a second", right=("at once",), rows=rows)
    lines = [line.rstrip() for line in drawn(table, 30).splitlines()]
    assert lines == ["a-name-of-some-length", "  at once 4  a second 2"]


def test_in_a_pipe_nothing_is_cut() -> None:
    long = "word " * 300
    table = tasks_render.task_table([task(1, f'{{"query": "{long}"}}')], 0.0)
    assert f"query={long.strip()}" in drawn(table, PLAIN)


def test_in_a_terminal_a_cell_is_a_few_lines_at_most() -> None:
    table = tasks_render.task_table([task(1, f'{{"query": "{"word " * 300}"}}')], 0.0)
    assert drawn(table, 60).count("\n") < 12


def test_dates_say_their_zone() -> None:
    assert "published (UTC)" in drawn(items(), 120)
    assert "published (UTC)" in drawn(ideas(), 120)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_plot_fits_its_terminal(width: int) -> None:
    from tubeq.domain.items import Count

    at = "2026-11-{:02} 00:00:00.000000"
    counts = [Count(at.format(day), day * 1_000_000, None, None) for day in range(1, 29)]
    line = items_render.plot(counts, "utf-8", width)
    assert line is not None
    assert cell_len(line) <= width
