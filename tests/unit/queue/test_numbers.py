"""Numbers that enter by a public door: what is none is refused, and nothing is stored."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.conftest import FakeClock
from tests.contract.support import dump
from tests.support import PARTS, claimed
from tubeq import QueueManager
from tubeq.domain.breaker import BreakerPolicy
from tubeq.domain.children import ChildTask
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.limits import Holder, LimitRule
from tubeq.domain.models import NewTask
from tubeq.domain.policies import RetryPolicy
from tubeq.settings import Settings
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.workers.config import RunnerConfig, WorkerConfig

NEVER = [
    math.nan, math.inf, -math.inf, 10**400, -(10**400), 10**5000, 1e300, -1, -0.5, True, False,
    "5", b"5", Decimal(5), Decimal("nan"), 5j, [5], {}, object(),
    datetime(2027, 1, 1),  # noqa: DTZ001 - as users write it
    datetime(9999, 12, 31, tzinfo=timezone.utc), timedelta(seconds=5),
]  # fmt: skip
each_value = pytest.mark.parametrize("value", NEVER, ids=lambda value: f"{type(value).__name__}")


@pytest.fixture(params=["memory", "sqlite"])
def queue(request: pytest.FixtureRequest, tmp_path: Any, clock: FakeClock) -> Iterator[Any]:
    path = ":memory:" if request.param == "memory" else tmp_path / "queue.db"
    with QueueManager(path, clock=clock) as queue:
        yield queue


def _calls(queue: QueueManager) -> dict[tuple[str, str], Callable[[Any], Any]]:
    """A call with a value in the place of each number that a verb takes, by verb and parameter."""
    claim = claimed(queue)

    defer = partial(queue.defer_task, claim, "not yet", code="upcoming")

    def idea(name: str) -> Callable[[Any], dict[str, Any]]:
        return lambda value: {"source_id": "a", name: value}

    calls: dict[tuple[str, str], Callable[[Any], Any]] = {
        ("create_task", "priority"): lambda x: queue.create_task("video", priority=x),
        ("create_task", "run_after"): lambda x: queue.create_task("video", run_after=x),
        ("list_tasks", "limit"): lambda x: queue.list_tasks(limit=x),
        ("children", "limit"): lambda x: queue.children(claim.task_id, limit=x),
        ("claim_next_task", "lease_s"): lambda x: queue.claim_next_task("video", "w", lease_s=x),
        ("claim_tasks", "limit"): lambda x: queue.claim_tasks("video", "w", x),
        ("claim_tasks", "lease_s"): lambda x: queue.claim_tasks("video", "w", 2, lease_s=x),
        ("heartbeat", "lease_s"): lambda x: queue.heartbeat(claim, x),
        ("fail_task", "retry_after_s"): lambda x: queue.fail_task(claim, "no", retry_after_s=x),
        ("defer_task", "retry_after_s"): lambda x: defer(retry_after_s=x),
        ("defer_task", "retry_at"): lambda x: defer(retry_at=x),
        ("release_task", "after_s"): lambda x: queue.release_task(claim, after_s=x),
        ("rescue", "crash_limit"): lambda x: queue.rescue(crash_limit=x),
        ("claim", "limit"): lambda x: queue.claim(ClaimRequest("video", "w"), x),
        ("get_task_results", "limit"): lambda x: queue.get_task_results(claim.task_id, x),
        ("list_results", "limit"): lambda x: queue.list_results(x),
        ("items.get", "growth_over_s"): lambda x: queue.items.get("a", x),
        ("limits.set", "concurrency"): lambda x: queue.limits.set("host:a", x),
        ("limits.set", "per_s"): lambda x: queue.limits.set("host:a", per_s=x),
        ("limits.set", "burst"): lambda x: queue.limits.set("host:a", per_s=1, burst=x),
        ("limits.take", "lease_s"): lambda x: queue.limits.take(["host:a"], Holder("w"), x),
        ("limits.extend", "lease_s"): lambda x: queue.limits.extend(Holder("w"), x),
        ("limits.admit", "lease_s"): lambda x: queue.limits.admit("host:a", Holder("w"), x),
        ("maintenance.prune", "older_than_s"): lambda x: queue.maintenance.prune(x),
        ("maintenance.prune", "limit"): lambda x: queue.maintenance.prune(5, x),
        ("maintenance.preview_prune", "older_than_s"): lambda x: queue.maintenance.preview_prune(x),
        ("maintenance.preview_prune", "limit"): lambda x: queue.maintenance.preview_prune(5, x),
        # Not numbers themselves, but with numbers inside:
        ("create_tasks", "tasks"): lambda x: queue.create_tasks(
            [NewTask("video"), NewTask("video", run_after=x)]
        ),
        ("complete_task", "then"): lambda x: queue.complete_task(
            claim, then=ClaimRequest("video", "w", lease_s=x)
        ),
        ("save_progress", "tasks"): lambda x: queue.save_progress(
            claim, tasks=[ChildTask("a", "video", {}, x)]
        ),
    }
    for name in ("views", "duration_s", "score"):
        made = idea(name)
        calls |= {
            ("complete_task", name): lambda x, made=made: queue.complete_task(claim, [made(x)]),
            ("save_progress", name): lambda x, made=made: queue.save_progress(claim, [made(x)]),
            ("store_result", name): lambda x, made=made: queue.store_result(
                claim.task_id, **made(x)
            ),
        }
    return calls


def _numbers(function: Any) -> set[str]:
    """The parameters that are annotated as numbers."""
    parameters = inspect.signature(function).parameters.values()
    return {each.name for each in parameters if {"int", "float"} & _words(each.annotation)}


def _words(annotation: Any) -> set[str]:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return {word.strip() for word in text.split("|")}


def test_no_number_of_the_queue_is_forgotten(queue: QueueManager) -> None:
    public = {
        (f"{prefix}{name}", parameter)
        for prefix, part in PARTS.items()
        for name, verb in inspect.getmembers(part, inspect.isfunction)
        for parameter in _numbers(verb)
        if not name.startswith("_")
    }
    assert public and public <= _calls(queue).keys()


@each_value
def test_what_is_no_number_is_refused_and_nothing_is_stored(
    queue: QueueManager, value: Any
) -> None:
    calls = _calls(queue)
    before = dump(queue._storage), queue.limits.list()
    for (verb, name), call in calls.items():
        negative_is_right = name in ("score", "views", "duration_s")
        if negative_is_right and type(value) in (int, float) and abs(value) < 1e18:
            continue
        with pytest.raises(InvalidParameters) as refusal:
            call(value)
            pytest.fail(f"{verb} took {name}={value!r:.60}")
        assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 400
    assert (dump(queue._storage), queue.limits.list()) == before


@each_value
@pytest.mark.parametrize(
    ("make", "given"),
    [
        (WorkerConfig, {"task_type": "video"}),
        (RunnerConfig, {"worker": WorkerConfig(task_type="video")}),
        (RetryPolicy, {}),
        (BreakerPolicy, {}),
        (LimitRule, {"key": "host:a", "concurrency": 1, "per_s": 1.0}),
    ],
    ids=lambda made: getattr(made, "__name__", ""),
)
def test_no_configuration_takes_what_is_no_number(
    make: Any, given: dict[str, Any], value: Any
) -> None:
    numbers = _numbers(make)
    assert numbers
    for name in numbers:
        with pytest.raises(InvalidParameters):
            make(**{**given, name: value})
            pytest.fail(f"{make.__name__} took {name}={value!r:.60}")


@each_value
def test_no_queue_waits_for_what_is_no_number(value: Any) -> None:
    with pytest.raises(InvalidParameters, match="busy_timeout_s"):
        QueueManager(":memory:", busy_timeout_s=value)


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "1e400", "9" * 400, "true", "1d", "0x10"])
@pytest.mark.parametrize(
    "name",
    [name for name, default in Settings()._asdict().items() if isinstance(default, (int, float))],
)
def test_no_setting_takes_what_is_no_number(tmp_path: Any, name: str, text: str) -> None:
    with pytest.raises(InvalidParameters, match=f"TUBEQ_{name.upper()}"):
        Settings.read({f"TUBEQ_{name.upper()}": text}, tmp_path)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "9" * 400, "1e400", "true", "[]"])
def test_no_setting_of_the_file_does(tmp_path: Any, value: str) -> None:
    (tmp_path / "tubeq.toml").write_text(f"lease_s = {value}\n")
    with pytest.raises(InvalidParameters, match=r"tubeq\.toml"):
        Settings.read({}, tmp_path)


@pytest.mark.parametrize("value", [0, 1, 0.5, 1.8e9, 253_402_300_799])
def test_numbers_are_taken_as_they_are(queue: QueueManager, value: float) -> None:
    assert queue.get_task(queue.create_task("video", run_after=value)).run_after == value


def test_what_is_stored_of_an_idea_is_what_was_given(queue: QueueManager) -> None:
    task_id = queue.create_task("video")
    queue.store_result(task_id, "a", score=-1.5, views=2**63 - 1, duration_s=1e9)
    (stored,) = queue.get_task_results(task_id)
    assert (stored.score, stored.views, stored.duration_s) == (-1.5, 2**63 - 1, 1e9)
