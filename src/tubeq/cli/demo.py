"""`tubeq demo`: real workers and real yt-dlp on a simulated YouTube, so that it runs anywhere."""

from __future__ import annotations

import logging
import tempfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tubeq.cli.console import messages, say
from tubeq.cli.demo_board import Board, change_line
from tubeq.cli.progress import environment, run_until_finished
from tubeq.domain.errors import InvalidParameters, TubeqError
from tubeq.domain.models import NewTask, Task
from tubeq.domain.policies import ClaimStrategy
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings
from tubeq.workers.base_worker import WorkerConfig
from tubeq.workers.runner import Runner, RunnerConfig, RunnerEvent

if TYPE_CHECKING:
    from tubeq.testing.youtube import SimulatedYouTube

TASK_TYPE = "youtube_channel"
_LATENCY_S = 0.35
_NAMES = (
    "lighthouse", "last-tram", "orchard", "cloud-atlas", "night-kitchen", "paper-boats",
    "quiet-harbour", "tin-robots", "long-winter", "sunday-maps", "green-ink", "slow-trains",
)  # fmt: skip


@dataclass(frozen=True)
class DemoPlan:
    """What the demo does.

    Args:
        db_path: None for a fresh folder among the temporary ones; it is kept.
    """

    workers: int
    channels: int
    max_results: int
    db_path: Path | None


def prepare(plan: DemoPlan) -> tuple[SimulatedYouTube, list[str]]:
    """The simulated YouTube, listening, and the handles of its channels.

    Raises:
        TubeqError: the extra `demo` is not installed.
    """
    try:
        from tubeq.testing.youtube import SimulatedYouTube, World, faults

        server = SimulatedYouTube(World(), latency_s=_LATENCY_S)
    except ImportError as error:
        raise TubeqError(
            f"the demo needs one more package, {error.name or error}: pip install 'tubeq[demo]'"
        ) from None
    names = [*_NAMES, *(f"channel-{n}" for n in range(len(_NAMES) + 1, plan.channels + 1))]
    handles = [f"@{name}" for name in names[: plan.channels]]
    for handle in handles:
        server.world.channel(handle, videos=plan.max_results)
    # "Too many requests, come back in a second": worth a retry, and no sooner than that. Twice,
    # because yt-dlp asks a second time by itself.
    unlucky = handles[min(2, len(handles) - 1)]
    server.world.fail(faults.http_error(429, retry_after_s=1), channel=unlucky, times=2)
    return server, handles


def run(plan: DemoPlan) -> tuple[Board, Path]:
    """Scrape all channels; what became of them, and the database that tells.

    Raises:
        TubeqError: the demo cannot run here.
    """
    if plan.db_path is not None and plan.db_path.exists():
        # Its workers would take up, and fail, tasks that are meant for the real YouTube.
        raise InvalidParameters(f"{plan.db_path} exists: the demo needs a database of its own")
    settings = Settings.read()
    server, handles = prepare(plan)
    db_path = plan.db_path or Path(tempfile.mkdtemp(prefix="tubeq-demo-")) / "demo.db"
    # Nothing of the user's leads to this YouTube, and no cookies of theirs are shown to it.
    variables = {**server.environment, "TUBEQ_COOKIES_FILE": ""}
    open_queue = partial(
        QueueManager, durability=settings.durability, busy_timeout_s=settings.busy_timeout_s
    )
    with server, open_queue(db_path) as queue, environment(variables):
        new = [
            NewTask(TASK_TYPE, {"channel_url": handle, "max_results": plan.max_results})
            for handle in handles
        ]
        board = Board(dict(zip(queue.create_tasks(new), handles)), plan.workers)
        worker = WorkerConfig(
            task_type=TASK_TYPE,
            strategy=ClaimStrategy.FIFO,
            poll_interval=0.2,
            backoff_s=0.5,
            lease_s=10.0,
            durability=settings.durability,
            busy_timeout_s=settings.busy_timeout_s,
        )
        config = RunnerConfig(worker=worker, processes=plan.workers)
        view = _live_view(board) if messages().is_terminal else nullcontext()
        plain = isinstance(view, nullcontext)

        def look(tasks: list[Task]) -> None:
            for task in board.look(queue, tasks):
                if plain:
                    say(change_line(board, task))

        def hear(event: RunnerEvent) -> None:
            if event.kind == "started" and event.worker_id is not None:
                board.pids[event.worker_id] = event.pid or 0
            elif event.kind in ("died", "killed") and plain:
                say(f"{board.elapsed_s:5.1f} s  worker pid {event.pid} {event.kind}")

        logging.getLogger("tubeq").addHandler(logging.NullHandler())  # the board shows it all
        with view:
            runner = Runner(db_path, config, on_event=hear)
            summary = run_until_finished(runner, queue, list(board.handles), look)
        board.crashes = summary.crashed
        for task_id in board.handles:
            board.take_in(task_id, queue.get_task_history(task_id))
    return board, db_path


def _live_view(board: Board) -> AbstractContextManager[Any]:
    from rich.live import Live

    return Live(board, console=messages(), refresh_per_second=10)
