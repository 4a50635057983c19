"""One simulated YouTube a module, and plugins that are led to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FakeClock
from tests.e2e.command_line import Tubeq, environment_of
from tests.e2e.runner_plugins import LOG_VARIABLE
from tests.e2e.runner_support import Scene
from tubeq.domain.errors import PluginError
from tubeq.domain.models import Idea, Task
from tubeq.plugins import registry
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import RequestKind, SimulatedYouTube, World
from tubeq.workers.base_worker import BaseWorker, WorkerConfig


@pytest.fixture(scope="module")
def youtube() -> Iterator[SimulatedYouTube]:
    with SimulatedYouTube(World()) as server:
        yield server
    assert server.unexpected_hosts == set()
    assert server.requests(RequestKind.UNKNOWN) == 0


@pytest.fixture
def world(youtube: SimulatedYouTube) -> Iterator[World]:
    """Without faults; what a test adds stays."""
    youtube.world.faults.clear()
    yield youtube.world
    youtube.world.faults.clear()


MakePlugin = Callable[..., Any]


@pytest.fixture
def make_plugin(youtube: SimulatedYouTube) -> Iterator[MakePlugin]:
    """Makes a plugin by its task type."""
    made: list[Any] = []

    def make(task_type: str, **settings: Any) -> Any:
        usual = {"proxy": youtube.proxy_url, "ca_file": youtube.ca_file}
        made.append(registry.get_plugin(task_type, **{**usual, **settings}))
        return made[-1]

    yield make
    for plugin in made:
        plugin.close()


class Scrape:
    """Does one task by its type, and remembers how many requests that took, by their kind."""

    def __init__(self, youtube: SimulatedYouTube, make_plugin: MakePlugin) -> None:
        self._youtube = youtube
        self._make_plugin = make_plugin
        self.requests: Counter[str] = Counter()

    def __call__(
        self, task_type: str, settings: dict[str, Any] | None = None, **parameters: Any
    ) -> list[Idea]:
        plugin = self._make_plugin(task_type, **(settings or {}))
        before = {kind: self._youtube.requests(kind) for kind in RequestKind}
        try:
            ideas: list[Idea] = plugin.scrape(**parameters)
        finally:
            made = {str(kind): self._youtube.requests(kind) - before[kind] for kind in RequestKind}
            self.requests = +Counter(made)
        return ideas

    def failure(self, task_type: str, **parameters: Any) -> PluginError:
        """The error of a task that has to fail."""
        with pytest.raises(PluginError) as caught:
            self(task_type, **parameters)
        assert str(caught.value).isprintable()
        return caught.value


@pytest.fixture
def scrape(youtube: SimulatedYouTube, world: World, make_plugin: MakePlugin) -> Scrape:
    return Scrape(youtube, make_plugin)


def worker_of(queue: QueueManager, task_type: str, plugin: Any, **config: Any) -> BaseWorker:
    return BaseWorker(
        WorkerConfig(worker_id="worker", task_type=task_type, **config),
        queue.db_path,
        plugin,
        queue=queue,
    )


def process_one(queue: QueueManager, task_type: str, plugin: Any) -> Task:
    """Have a worker process the task that is due: the task as it is then."""
    with worker_of(queue, task_type, plugin, max_retries=3) as worker:
        task = worker.claim_task()
        assert task is not None
        worker.process_task(task)
    return queue.get_task(task.task_id)


class Work:
    """Has a worker do one task, attempt by attempt, and tells what became of it."""

    def __init__(self, queue: QueueManager, make_plugin: MakePlugin) -> None:
        self.queue = queue
        self._make_plugin = make_plugin

    def __call__(self, task_type: str, parameters: dict[str, Any], **settings: Any) -> Task:
        """
        Args:
            settings: of the plugin, instead of those that lead it to the simulated YouTube.
        """
        self.queue.create_task(task_type, parameters)
        self._task_type, self._plugin = task_type, self._make_plugin(task_type, **settings)
        return self.again()

    def again(self) -> Task:
        """The next attempt, by the same plugin."""
        return process_one(self.queue, self._task_type, self._plugin)


@pytest.fixture
def queue(clock: FakeClock) -> Iterator[QueueManager]:
    """In memory, on the test's clock."""
    with QueueManager(":memory:", clock=clock) as queue:
        yield queue


@pytest.fixture
def work(queue: QueueManager, world: World, make_plugin: MakePlugin) -> Work:
    return Work(queue, make_plugin)


@pytest.fixture
def tubeq(tmp_path: Path, youtube: SimulatedYouTube) -> Tubeq:
    """The command line, led to the simulated YouTube."""
    return Tubeq(tmp_path, environment_of(youtube))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Its workers inherit the environment, and so find the log."""
    scene = Scene(tmp_path)
    monkeypatch.setenv(LOG_VARIABLE, str(scene.log_path))
    yield scene
    scene.close()
