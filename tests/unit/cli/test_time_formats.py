"""Times: ISO 8601 with its zone for machines, the zone named in tables, one type in Python."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.support import claimed
from tests.unit.cli.conftest import Command
from tubeq.domain.breaker import BreakerPolicy, Verdict
from tubeq.domain.json_format import SCHEMA, iso_time
from tubeq.domain.limits import Holder
from tubeq.queue.queue_manager import QueueManager

TYPE = "youtube_channel"
AT = 1_795_653_087.123456
TEXT = "2026-11-26 00:31:27.123456"
ISO = "2026-11-26T00:31:27.123456Z"
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_NAMES = re.compile(r".*_at|at|.*_until|run_after|last_heartbeat|last_seen")


@pytest.fixture
def filled(queue: QueueManager) -> QueueManager:
    """With a completed task, a scheduled one, a running one, a pause, a slot and a worker."""
    claim = claimed(queue, TYPE, parameters={"channel_url": "@a", "created_at": TEXT})
    found = {"source_id": "v1", "published_at": TEXT, "views": 5, "extra": {"seen_at": TEXT}}
    queue.complete_task(claim, [found])
    queue.create_task(TYPE, run_after=time.time() + 3600)
    claimed(queue, "running")
    holder = Holder("w", 2)
    queue.limits.report("type:paused", holder, Verdict.BLOCKED, "bot_check", BreakerPolicy())
    queue.limits.set("host:example.org", 1)
    return queue


def _times(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """All times of a JSON document; not those in what users and plugins gave."""
    if name in ("parameters", "result", "extra"):
        return
    if isinstance(value, dict):
        for each, part in value.items():
            yield from _times(part, each)
    elif isinstance(value, list):
        for part in value:
            yield from _times(part)
    elif value is not None and _NAMES.fullmatch(name):
        yield name, value


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("tasks --json", {"created_at", "run_after", "completed_at", "lease_expires_at"}),
        ("show TASK --json", {"created_at", "completed_at", "at"}),
        ("results --json", {"created_at", "published_at"}),
        ("results --format json", {"created_at", "published_at"}),
        ("items --json", {"first_seen_at", "last_seen_at", "published_at"}),
        ("items show v1 --json", {"first_seen_at", "at"}),
        ("stats --json", {"opened_at", "paused_until"}),
        ("limits --json", {"opened_at", "paused_until"}),
        ("requeue TASK --json", {"created_at"}),
        ("export -", {"first_seen_at", "published_at"}),
        ("export - --what results", {"created_at", "published_at"}),
    ],
)
def test_json_says_iso_8601(
    tubeq: Command, filled: QueueManager, arguments: str, named: set[str]
) -> None:
    task_id = filled.list_tasks()[-1].task_id
    outcome = tubeq(*arguments.replace("TASK", task_id).split())
    document = json.loads(outcome.out)
    found = dict(_times(document))
    assert named <= set(found)
    assert [pair for pair in found.items() if not _ISO.fullmatch(str(pair[1]))] == []
    for each in document if isinstance(document, list) else [document]:
        assert each["schema"] == SCHEMA


def test_what_users_and_plugins_gave_is_not_touched(tubeq: Command, filled: QueueManager) -> None:
    assert tubeq("tasks", "--json").json[-1]["parameters"]["created_at"] == TEXT
    assert tubeq("results", "--json").json[0]["extra"] == {"seen_at": TEXT}


@pytest.mark.parametrize("arguments", ["results --format csv", "export - --format csv"])
def test_csv_says_the_same(tubeq: Command, filled: QueueManager, arguments: str) -> None:
    assert ISO in tubeq(*arguments.split()).out


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (AT, ISO),
        (TEXT, ISO),
        ("2026-11-26 00:31:27", "2026-11-26T00:31:27.000000Z"),
        (None, None),
        ("soon", "soon"),
        (1e300, 1e300),
        (True, True),
    ],
)
def test_iso_time(value: Any, shown: Any) -> None:
    assert iso_time(value) == shown


def test_every_time_of_a_task_is_to_be_had_as_a_datetime(filled: QueueManager) -> None:
    running, scheduled, _ = filled.list_tasks()
    for task, name in ((running, "created_at"), (running, "lease_expires_at"),
                       (scheduled, "run_after")):  # fmt: skip
        moment = task.time(name)
        assert isinstance(moment, datetime)
        assert moment.tzinfo is timezone.utc
        assert abs(moment.timestamp() - time.time()) < 7200
    assert scheduled.time("lease_expires_at") is None
    with pytest.raises(KeyError):
        scheduled.time("nonsense")
