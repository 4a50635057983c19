"""Ages, sizes, lengths and the tables that hold them."""

from __future__ import annotations

from typing import Any

import pytest

from tubeq.cli import options, tasks_render, words
from tubeq.cli.tables import Page, Table
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.models import Task
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager


def _drawn(table: Table) -> str:
    return "\n".join(table.lines(Page(300)))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0s"), (-0.2, "0s"), (119.4, "119s"), (120, "2m"), (7199, "2h"), (7 * 3600, "7h"),
        (49 * 3600, "2d"), (400 * 86_400, "400d"), (-300, "in 5m"),
    ],
)  # fmt: skip
def test_age(seconds: float, expected: str) -> None:
    assert words.age(seconds) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (999, "999 B"), (1400, "1.4 kB"), (999_900, "1.0 MB"), (5e12, "5.0 TB")],
)
def test_size(count: float, expected: str) -> None:
    assert words.size(int(count)) == expected


def test_clock_length() -> None:
    assert [words.clock_length(s) for s in (None, 5, 754, 3723.4)] == [
        "", "0:05", "12:34", "1:02:03",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5s", 1.5), ("250ms", 0.25), ("5m", 300), ("2 h", 7200), ("4W", 2_419_200)],
)
def test_span(text: str, seconds: float) -> None:
    assert options.span_s(text) == seconds


@pytest.mark.parametrize("text", ["", "-5", "5y", "nan", "inf", "1e9", "99999999999d", "5m5s"])
def test_a_wrong_span_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameters, match="span of time"):
        options.span_s(text)


def test_moment() -> None:
    assert options.moment("2027-01-31T08:00:00Z") == 1_801_382_400.0
    assert options.moment("2027-01-31T08:00:00+02:00") == 1_801_382_400.0 - 7200
    for text in ("tomorrow", "", "2027-13-01"):
        with pytest.raises(InvalidParameters, match="is not a time"):
            options.moment(text)
    for text in ("1960-01-01", "0001-01-01", "0001-01-02T00:00Z"):
        with pytest.raises(InvalidParameters, match="from 1970 to 9999"):
            options.moment(text)


def _task(**changes: Any) -> Task:
    with QueueManager(":memory:") as queue:
        task_id = queue.create_task("youtube_channel", {"channel_url": "[red]@a\x1b", "n": 5})
        return queue.get_task(task_id)._replace(**changes)


def test_an_error_of_a_task_without_parameters_stands_alone() -> None:
    task = _task(parameters_json="{}", error_message="no such")
    drawn = _drawn(tasks_render.task_table([task], now=0.0))
    assert "no such" in drawn
    assert ": no such" not in drawn


def test_task_table_shows_hostile_values_as_they_are() -> None:
    changes = {"status": TaskStatus.FAILED, "retry_count": 3, "run_after": 9.0}
    task = _task(error_message="[/] no\nsuch", **changes)
    drawn = _drawn(tasks_render.task_table([task], now=0.0))
    assert "channel_url=[red]@a\\x1b n=5: [/] no\\nsuch" in drawn
    assert task.task_id in drawn


@pytest.mark.parametrize(
    ("changes", "tries"),
    [
        ({}, 0),
        ({"status": TaskStatus.RUNNING, "retry_count": 1}, 2),
        ({"status": TaskStatus.COMPLETED, "retry_count": 1, "crash_count": 1}, 3),
        ({"status": TaskStatus.FAILED, "retry_count": 3}, 3),
        ({"status": TaskStatus.FAILED}, 1),
        ({"status": TaskStatus.CANCELLED}, 0),
    ],
)
def test_attempts(changes: dict[str, Any], tries: int) -> None:
    assert tasks_render.attempts(_task(**changes)) == tries


def test_a_scheduled_task_says_when() -> None:
    drawn = _drawn(tasks_render.task_table([_task(run_after=600.0)], now=0.0))
    assert "QUEUED in 10m" in drawn
