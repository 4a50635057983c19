"""How a plugin learns that its task is to stop."""

from __future__ import annotations

import contextvars
import threading

import pytest

from tubeq.domain.errors import PermanentError, TaskCancelled
from tubeq.plugins.base import Plugin, check_stop, running, stop_requested


def test_outside_of_a_worker_nothing_stops() -> None:
    assert not stop_requested()
    check_stop()


def test_a_task_goes_on_until_somebody_gives_a_reason() -> None:
    reasons: list[str] = []
    with running(lambda: reasons[0] if reasons else None):
        assert not stop_requested()
        check_stop()
        reasons.append("cancelled by alice")
        assert stop_requested()
        with pytest.raises(TaskCancelled, match="cancelled by alice") as caught:
            check_stop()
    assert caught.value.code == "cancelled"
    assert isinstance(caught.value, PermanentError)
    assert not stop_requested()


def test_the_hook_is_gone_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), running(lambda: "stop"):
        raise ZeroDivisionError
    check_stop()


def test_an_empty_reason_is_a_reason() -> None:
    with running(lambda: ""), pytest.raises(TaskCancelled):
        check_stop()


def test_blocks_nest() -> None:
    with running(lambda: "outer"):
        with running(lambda: None):
            assert not stop_requested()
        assert stop_requested()


def test_a_thread_has_its_own_task_unless_it_is_handed_the_context() -> None:
    seen: list[bool] = []
    with running(lambda: "stop"):
        context = contextvars.copy_context()
        bare = threading.Thread(target=lambda: seen.append(stop_requested()))
        handed = threading.Thread(target=lambda: seen.append(context.run(stop_requested)))
        for thread in (bare, handed):
            thread.start()
            thread.join()
    assert seen == [False, True]


def test_anything_that_scrapes_is_a_plugin() -> None:
    class Seed:
        def scrape(self, **parameters: object) -> list[dict[str, str]]:
            return [{"source_id": "1"}]

    assert isinstance(Seed(), Plugin)
    assert not isinstance(object(), Plugin)
