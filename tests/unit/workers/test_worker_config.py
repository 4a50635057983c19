"""WorkerConfig and RunnerConfig refuse what cannot work, and name it."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.policies import ClaimStrategy, Durability
from tubeq.workers.config import RunnerConfig, WorkerConfig, new_worker_id

WRONG: dict[str, list[Any]] = {
    "task_type": ["Not a type", None, (), ["video", "Not a type"]],
    "worker_id": ["", 7, "x" * 201],
    "poll_interval": [0, -1.0, None, math.nan, "soon"],
    "lease_s": [0, math.inf, True],
    "heartbeat_interval_s": [0, 60.0],  # as long as the lease
    "task_timeout_s": [0],
    "stop_grace_s": [-0.1],
    "backoff_s": [-1],
    "backoff_max_s": [-1],
    "max_retries": [-1, 1.5, True],
    "crash_limit": [0],
    "strategy": ["newest"],
    "durability": ["perhaps"],
    "busy_timeout_s": [-1],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidParameters, match=f"(?i){name}|{name.replace('_', '')}"):
        WorkerConfig(**{"task_type": "video", name: value})


def test_only_the_task_type_must_be_given() -> None:
    config = WorkerConfig(task_type="video")
    assert config.worker_id is None
    assert config.beat_interval_s == pytest.approx(20.0)
    assert config.sweep_interval_s == 15.0
    assert config.retry_policy.max_retries == 3


def test_several_types_are_named_once_each() -> None:
    config = WorkerConfig(task_type=["video", "channel", "video"])
    assert config.task_types == ("video", "channel")
    assert config.type_names == "video,channel"
    assert WorkerConfig(task_type="video").task_types == ("video",)


@pytest.mark.parametrize("wrong", [-1, math.nan, "soon", None, True])
def test_how_long_a_runner_waits_must_be_a_time(wrong: Any) -> None:
    with pytest.raises(InvalidParameters, match="wait_scheduled_s"):
        RunnerConfig(worker=WorkerConfig(task_type="video"), wait_scheduled_s=wrong)


def test_choices_may_be_given_by_name() -> None:
    config = WorkerConfig(task_type="video", strategy="fifo", durability="full")  # type: ignore[arg-type]
    assert config.strategy is ClaimStrategy.FIFO
    assert config.durability is Durability.FULL


def test_a_short_lease_is_swept_more_often() -> None:
    config = WorkerConfig(task_type="video", lease_s=3.0, heartbeat_interval_s=0.5)
    assert config.sweep_interval_s == 1.5
    assert config.beat_interval_s == 0.5


def test_a_config_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        WorkerConfig(task_type="video").lease_s = 1.0  # type: ignore[misc]


def test_generated_worker_ids_differ() -> None:
    assert len({new_worker_id() for _ in range(100)}) == 100
    assert new_worker_id("scraper").startswith("scraper-")


@pytest.mark.parametrize(
    ("name", "value"),
    [("processes", 0), ("processes", 257), ("processes", 1.5), ("plugin", "no_colon")],
)
def test_a_wrong_runner_value_is_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidParameters, match=name):
        RunnerConfig(**{"worker": WorkerConfig(task_type="video"), name: value})
