"""The exception tree and the texts of time."""

from __future__ import annotations

import inspect
import pickle
from datetime import datetime, timedelta, timezone

import pytest

from tubeq.domain import errors
from tubeq.domain.clock import SystemClock, from_timestamp, to_timestamp

ALL = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, errors.TubeqError)
]
EXAMPLES = [
    errors.TaskNotFound("some-id"),
    errors.IllegalTransition("some-id", "QUEUED", "RUNNING"),
    errors.ClaimLost("some-id", 3),
    errors.PluginError("broken", code="narrow"),
    errors.TransientError("busy", retry_after_s=5.0),
]


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in ALL]
    assert len(set(codes)) == len(codes)
    assert all(code == code.lower() and code.isidentifier() for code in codes)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = str(errors.__doc__)
    depth_of = {}
    for line in drawn.splitlines():
        name = line.replace("|", " ").replace("+--", "   ").strip().split(" ")[0]
        if name:
            depth_of[name] = len(line) - len(line.lstrip(" |+-"))
    for error in ALL:
        above = error.__mro__[1]
        assert error.__name__ in depth_of
        if above in ALL:
            assert depth_of[above.__name__] < depth_of[error.__name__]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_says_what_it_is_about(error: errors.TubeqError) -> None:
    for value in vars(error).values():
        if not isinstance(error, errors.PluginError):
            assert str(value) in str(error)
    assert str(error)


def test_a_plugin_narrows_the_code_of_one_error_not_of_its_class() -> None:
    assert errors.TransientError("busy", code="bot_check").code == "bot_check"
    assert errors.TransientError("busy").code == "transient"
    assert issubclass(errors.TaskCancelled, errors.PermanentError)


@pytest.mark.parametrize("epoch_s", [0.0, 1_800_000_000.0, 1_800_000_000.123456])
def test_timestamps_go_there_and_back(epoch_s: float) -> None:
    moment = from_timestamp(to_timestamp(epoch_s))
    assert moment.tzinfo is timezone.utc
    assert abs(moment.timestamp() - epoch_s) < 1e-6


def test_timestamps_sort_as_they_read_and_have_one_length() -> None:
    moments = [1.8e9, 1.8e9 + 0.5, 1.8e9 + 1, 1.8e9 + 86_400 * 400]
    texts = [to_timestamp(moment) for moment in moments]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {26}


def test_a_timestamp_is_utc_whatever_the_machine_thinks() -> None:
    assert to_timestamp(1_800_000_000.0) == "2027-01-15 08:00:00.000000"


@pytest.mark.parametrize("text", ["", "yesterday", "2027-13-01 00:00:00"])
def test_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_timestamp(text)


def test_the_system_clock_is_the_machine_s() -> None:
    now = datetime.now(timezone.utc).timestamp()
    assert abs(SystemClock().now() - now) < timedelta(minutes=1).total_seconds()


def test_errors_pass_between_processes_with_their_message() -> None:
    error = errors.InvalidParameters("priority must be a whole number")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))
