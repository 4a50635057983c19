"""Parameters are checked where they enter, and handed on: nothing parses them a second time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.workers.support import claimed, worker_on
from tubeq import InvalidParameters, NewTask, QueueManager
from tubeq.domain.errors import PluginNotFound
from tubeq.plugins import registry
from tubeq.plugins.parameter_types import Text
from tubeq.plugins.parameters import Parameters, parameter
from tubeq.queue import validation
from tubeq.queue.validation import checked_task


@dataclass(frozen=True)
class TeaParameters(Parameters):
    leaf: str = parameter(Text(10), "The tea.")


class Tea:
    parameters = TeaParameters

    def __init__(self) -> None:
        self.given: list[object] = []

    def limit_keys(self, wanted: TeaParameters) -> list[str]:
        self.given.append(wanted)
        return [f"channel:{wanted.leaf}"]

    def scrape(self, **parameters: Any) -> list[dict[str, Any]]:
        raise AssertionError("the checked object is handed on instead")

    def scrape_checked(self, wanted: TeaParameters) -> list[dict[str, Any]]:
        self.given.append(wanted)
        return [{"source_id": wanted.leaf}]


def count(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> list[object]:
    calls: list[object] = []
    real = getattr(owner, name)

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, counted)
    return calls


def test_an_attempt_decodes_and_checks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = Tea()
    with QueueManager(":memory:") as queue:
        queue.limits.set("channel:*", concurrency=1)
        task_id = queue.create_task("tea", {"leaf": " sencha "})
        worker = worker_on(queue, plugin, task_type="tea")
        task = claimed(worker)
        checks = count(monkeypatch, TeaParameters, "of")
        decoded = count(monkeypatch, json, "loads")
        worker.process_task(task)
        assert (len(checks), len(decoded)) == (1, 1)
        assert plugin.given == [TeaParameters("sencha")] * 2
        assert plugin.given[0] is plugin.given[1]
        assert [each.source_id for each in queue.get_task_results(task_id)] == ["sencha"]


def test_what_the_plugin_refuses_fails_the_task() -> None:
    with QueueManager(":memory:") as queue:
        task_id = queue.create_task("tea", {"leef": "sencha"})
        worker = worker_on(queue, Tea(), task_type="tea")
        worker.process_task(claimed(worker))
        assert "did you mean leaf?" in str(queue.get_task(task_id).error_message)


def test_a_checked_task_is_not_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = count(monkeypatch, validation, "encode")
    task = checked_task(NewTask("tea", {"leaf": "sencha"}))
    with QueueManager(":memory:") as queue:
        (task_id,) = queue.create_tasks([task])
        assert len(encoded) == 1
        assert queue.get_task(task_id).parameters == {"leaf": "sencha"}


def test_a_queue_that_knows_the_plugins_checks_what_is_created() -> None:
    with QueueManager(":memory:", check_parameters=registry.checker) as queue:
        task_id = queue.create_task("youtube_channel.shorts", {"channel_url": "@handle"})
        task = queue.get_task(task_id)
        assert (task.task_type, task.parameters["tab"]) == ("youtube_channel", "shorts")
        with pytest.raises(InvalidParameters, match="did you mean max_results"):
            queue.create_task("youtube_channel", {"channel_url": "@handle", "max_result": 1})
        with pytest.raises(InvalidParameters):
            queue.create_tasks([NewTask("youtube_video", {}), NewTask("youtube_video", {})])
        with pytest.raises(PluginNotFound):
            queue.create_task("unheard_of")
        assert queue.stats().by_status["QUEUED"] == 1


class OwnTea(Tea):
    def scrape(self, **parameters: Any) -> list[dict[str, Any]]:
        return [{"source_id": "own"}]


def test_a_scrape_that_was_replaced_is_the_one_that_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replaced = Tea()
    monkeypatch.setattr(replaced, "scrape", lambda **_: [{"source_id": "own"}])
    for plugin in (OwnTea(), replaced):
        with QueueManager(":memory:") as queue:
            task_id = queue.create_task("tea", {"leaf": "sencha"})
            worker = worker_on(queue, plugin, task_type="tea")
            worker.process_task(claimed(worker))
            assert [each.source_id for each in queue.get_task_results(task_id)] == ["own"]
