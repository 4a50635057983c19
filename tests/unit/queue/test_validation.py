"""What may enter the queue, and what is named when it may not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.models import NewTask
from tubeq.domain.states import TaskStatus
from tubeq.queue.validation import (
    MAX_IDEMPOTENCY_KEY_LENGTH,
    MAX_PARAMETERS_BYTES,
    MAX_PRIORITY,
    checked_status,
    checked_task,
    checked_task_type,
    encoded_parameters,
)

LONGEST_KEY = "k" * MAX_IDEMPOTENCY_KEY_LENGTH


@pytest.mark.parametrize("name", ["video", "youtube_channel", "a", "a.b-c_9", "x" * 100])
def test_a_lower_case_word_is_a_task_type(name: str) -> None:
    assert checked_task_type(name) == name


NO_TYPES = ["", "Video", "9videos", "_video", "a b", "video~", "vidéo", "x" * 101, "video\n"]


@pytest.mark.parametrize("name", [*NO_TYPES, None, 5, b"a"])
def test_anything_else_is_none_and_the_parameter_is_named(name: Any) -> None:
    with pytest.raises(InvalidParameters, match="task_type"):
        checked_task_type(name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


# A first draw of text builds hypothesis's tables, which takes seconds on a busy machine.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), json_values))
def test_every_json_object_comes_through_unchanged(parameters: dict[str, Any]) -> None:
    assert json.loads(encoded_parameters(parameters)) == parameters


NO_JSON = [object(), float("nan"), float("inf"), b"bytes", {1, 2}, {("tuple",): 1}, "\ud800"]


@pytest.mark.parametrize("parameters", [None, "text", ["list"], 5, *({"a": x} for x in NO_JSON)])
def test_what_is_no_json_object_is_refused(parameters: Any) -> None:
    with pytest.raises(InvalidParameters, match="parameters"):
        encoded_parameters(parameters)


def test_parameters_that_contain_themselves_are_refused() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(InvalidParameters, match="parameters"):
        encoded_parameters(endless)


@pytest.mark.parametrize("letter", ["a", "漢"])
def test_the_limit_is_in_bytes_of_json(letter: str) -> None:
    room = MAX_PARAMETERS_BYTES - len(b'{"k": ""}')
    fits = letter * (room // len(letter.encode()))
    assert encoded_parameters({"k": fits})
    with pytest.raises(InvalidParameters, match="parameters"):
        encoded_parameters({"k": fits + letter})


LIMITS: dict[str, tuple[list[Any], list[Any]]] = {  # what is taken, and what is refused
    "priority": ([0, MAX_PRIORITY], [-1, MAX_PRIORITY + 1, 1.5, True, "1", None]),
    "run_after": ([0, 1.8e9, None], ["tomorrow", float("nan"), float("inf")]),
    "idempotency_key": ([LONGEST_KEY, None], ["", 5, LONGEST_KEY + "k"]),
}


@pytest.mark.parametrize("column", LIMITS)
def test_a_value_at_its_limit_is_taken_and_one_beyond_it_refused_by_name(column: str) -> None:
    taken, refused = LIMITS[column]
    for value in taken:
        assert getattr(checked_task(NewTask("video", {}, **{column: value})), column) == value
    for value in refused:
        with pytest.raises(InvalidParameters, match=column):
            checked_task(NewTask("video", {}, **{column: value}))
            pytest.fail(f"{value!r} was taken")


@pytest.mark.parametrize("status", TaskStatus)
def test_a_status_is_known_by_name_in_any_case(status: TaskStatus) -> None:
    assert checked_status(status) is checked_status(status.value.lower()) is status


@pytest.mark.parametrize("status", ["", "DONE", "retrying", None, 5, object()])
def test_an_unknown_status_is_refused(status: Any) -> None:
    with pytest.raises(InvalidParameters, match="status"):
        checked_status(status)
