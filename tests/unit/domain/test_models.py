"""Tasks, results and ideas as values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.models import Idea, Result, Task
from tubeq.domain.states import TaskStatus

TASK = Task(
    1, "0" * 20, "video", '{"channel_url": "@a"}', TaskStatus.QUEUED, 3,
    "2027-01-15 08:00:00.000000", None, None, None, None, None, None, None,
    0, 0, 0, 0, None, None, None, "key",
)  # fmt: skip
RESULT = Result(
    "r" * 20, "0" * 20, "video-1", "Title", "", 75.0, None, 10, None, None, '{"tag": "x"}',
    "2027-01-15 08:00:00.000000",
)  # fmt: skip


@pytest.mark.parametrize("row", [TASK, RESULT], ids=["task", "result"])
def test_columns_read_as_attributes_subscripts_and_get(row: Task | Result) -> None:
    for name in row.keys():  # noqa: SIM118 - keys() is what is tested
        assert row[name] == getattr(row, name) == row.get(name)
    assert list(row) == [row[name] for name in row.keys()]  # noqa: SIM118
    assert row[0] == next(iter(row))


@pytest.mark.parametrize("row", [TASK, RESULT], ids=["task", "result"])
def test_a_column_that_is_not_there_is_a_key_error_or_the_default(row: Task | Result) -> None:
    with pytest.raises(KeyError):
        row["no_such_column"]
    assert row.get("no_such_column") is None
    assert row.get("no_such_column", 5) == 5


def test_properties_are_subscripts_too() -> None:
    assert TASK["parameters"] == TASK.parameters == {"channel_url": "@a"}
    assert TASK["result"] is None
    assert RESULT["extra"] == {"tag": "x"}


def test_tasks_and_results_are_never_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        TASK.status = TaskStatus.FAILED  # type: ignore[misc]
    with pytest.raises(TypeError):
        TASK["status"] = "FAILED"  # type: ignore[index]


def test_a_task_is_machine_readable_without_its_row_id() -> None:
    plain = json.loads(json.dumps(TASK._replace(result_json='{"pages": 2}').as_dict()))
    assert (plain["status"], plain["parameters"]) == ("QUEUED", {"channel_url": "@a"})
    assert plain["result"] == {"pages": 2}
    assert not {"row_id", "parameters_json", "result_json"} & plain.keys()


def test_a_result_is_machine_readable() -> None:
    plain = json.loads(json.dumps(RESULT.as_dict()))
    assert (plain["source_id"], plain["extra"]) == ("video-1", {"tag": "x"})
    assert RESULT._replace(extra_json=None).as_dict()["extra"] == {}


@pytest.mark.parametrize(
    ("item", "idea"),
    [
        ({"source_id": "a"}, Idea("a")),
        ({"source_id": 5}, Idea("5")),
        ({"source_id": "a", "title": None, "score": None}, Idea("a")),
        ({"source_id": "a", "score": 1.5, "views": 0}, Idea("a", score=1.5, views=0)),
        ({"source_id": "a", "likes": 7}, Idea("a", extra={"likes": 7})),
        ({"source_id": "a", "b": 7, "extra": {"c": [1]}}, Idea("a", extra={"b": 7, "c": [1]})),
        (Idea("a", title="same"), Idea("a", title="same")),
    ],
)
def test_an_idea_is_made_of_whatever_a_plugin_returned(item: Any, idea: Idea) -> None:
    assert Idea.of(item) == idea


def test_an_idea_is_made_without_changing_the_item() -> None:
    item = {"source_id": 5, "likes": 7, "extra": {"tags": ["x"]}}
    Idea.of(item)
    assert item == {"source_id": 5, "likes": 7, "extra": {"tags": ["x"]}}


@pytest.mark.parametrize(
    "item", [{}, {"source_id": ""}, {"source_id": None}, "text", None, 5, ["a"]]
)
def test_an_item_without_an_id_is_no_idea(item: Any) -> None:
    with pytest.raises(InvalidParameters, match="source_id"):
        Idea.of(item)
