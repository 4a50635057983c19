"""`tubeq demo`: real workers and the real yt-dlp on a simulated YouTube."""

from __future__ import annotations

import argparse
import logging
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tubeq.cli import live
from tubeq.cli.console import say, write_json
from tubeq.cli.demo_render import DemoView, change_line, picture, print_summary
from tubeq.cli.exit_codes import EXIT_INTERRUPTED, EXIT_WORK_FAILED
from tubeq.cli.options import JSON
from tubeq.cli.parser import argument, command, whole
from tubeq.cli.progress import environment, run_until
from tubeq.domain.errors import InvalidParameters, TubeqError
from tubeq.domain.models import NewTask
from tubeq.domain.policies import ClaimStrategy
from tubeq.domain.states import FINISHED
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings
from tubeq.workers.base_worker import WorkerConfig
from tubeq.workers.report import RunnerEvent
from tubeq.workers.runner import Runner, RunnerConfig

if TYPE_CHECKING:
    from tubeq.testing.youtube import SimulatedYouTube

TASK_TYPE = "youtube_channel"
_LATENCY_S = 0.35
_NAMES = (
    "lighthouse", "last-tram", "orchard", "cloud-atlas", "night-kitchen", "paper-boats",
    "quiet-harbour", "tin-robots", "long-winter", "sunday-maps", "green-ink", "slow-trains",
)  # fmt: skip


class DemoPlan(NamedTuple):
    """What the demo does.

    Args:
        db_path: None for one in a new temporary folder, which is kept.
    """

    workers: int
    channels: int
    max_results: int
    db_path: Path | None


@command(
    argument(
        "--workers", type=whole(1, 32), metavar="N", default=4, help="Worker processes."
    ),
    argument(
        "--channels", type=whole(1, 500), metavar="N", default=12, help="Channels, a task each."
    ),
    argument(
        "--max-results", type=whole(1, 500), metavar="N", default=60, help="Videos per channel."
    ),
    JSON,
    argument("--svg", type=Path, metavar="FILE", help=argparse.SUPPRESS),
    argument(
        "--db", dest="db_path", type=Path, metavar="PATH",
        help="The database file; it must not exist yet. (default: a new temporary one)",
    ),
)  # fmt: skip
def demo(given: Namespace) -> None:
    """Watch workers scrape a simulated YouTube, without network.

    One of the requests fails and is retried. You can kill a worker meanwhile: its task is done by
    another one.
    """
    view, path = run(DemoPlan(given.workers, given.channels, given.max_results, given.db_path))
    if given.svg is not None:
        given.svg.write_text(picture(view, path), encoding="utf-8")
    if given.as_json:
        write_json(view.as_dict(path))
    else:
        print_summary(view, path)
    if not view.all_completed:
        unfinished = view.count(*FINISHED) < len(view.handles)
        raise SystemExit(EXIT_INTERRUPTED if unfinished else EXIT_WORK_FAILED)


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


def run(plan: DemoPlan) -> tuple[DemoView, Path]:
    """Scrape all channels; the outcome, and the database that holds it.

    Raises:
        TubeqError: the demo cannot run here.
    """
    if plan.db_path is not None and plan.db_path.exists():
        # Its workers would claim, and fail, tasks that are meant for the real YouTube.
        raise InvalidParameters(
            f"{plan.db_path} already exists: the demo needs a database of its own"
        )
    settings = Settings.read()
    server, handles = prepare(plan)
    db_path = plan.db_path or Path(tempfile.mkdtemp(prefix="tubeq-demo-")) / "demo.db"
    # The user's proxy is not used, and their cookies are not sent to the simulated YouTube.
    variables = {**server.environment, "TUBEQ_COOKIES_FILE": ""}
    open_queue = partial(
        QueueManager, durability=settings.durability, busy_timeout_s=settings.busy_timeout_s
    )
    with server, open_queue(db_path) as queue, environment(variables):
        new = [
            NewTask(TASK_TYPE, {"channel_url": handle, "max_results": plan.max_results})
            for handle in handles
        ]
        view = DemoView(dict(zip(queue.create_tasks(new), handles)), plan.workers)
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
        plain = not live.is_watched()

        def is_over() -> bool:
            tasks = [queue.get_task(task_id) for task_id in view.handles]
            for task in view.update(queue, tasks):
                if plain:
                    say(change_line(view, task))
            return view.count(*FINISHED) == len(tasks)

        def hear(event: RunnerEvent) -> None:
            if event.kind == "started" and event.worker_id is not None:
                view.pids[event.worker_id] = event.pid or 0
            elif event.kind in ("died", "killed") and plain:
                say(f"{view.elapsed_s:5.1f} s  worker pid {event.pid} {event.kind}")

        logging.getLogger("tubeq").addHandler(logging.NullHandler())  # the view shows everything
        with _shown(view):
            runner = Runner(db_path, config, on_event=hear)
            summary = run_until(runner, is_over)
        view.crashes = summary.crashed
        for task_id in view.handles:
            view.count_events(task_id, queue.get_task_history(task_id))
    return view, db_path


@contextmanager
def _shown(view: DemoView) -> Iterator[None]:
    """Show the view in a terminal while this block runs."""
    if not live.is_watched():
        yield
        return
    from rich.live import Live

    with Live(view, console=live.moving_console(), refresh_per_second=10):
        yield
