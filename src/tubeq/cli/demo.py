"""`tubeq demo`: real workers and the real yt-dlp on a simulated YouTube."""

from __future__ import annotations

import argparse
import logging
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tubeq.cli import live
from tubeq.cli.console import answer, say
from tubeq.cli.demo_render import DemoView, change_line, picture, summary_lines
from tubeq.cli.exit_codes import EXIT_INTERRUPTED, EXIT_WORK_FAILED
from tubeq.cli.opening import open_queue, worker_config
from tubeq.cli.options import JSON
from tubeq.cli.parser import argument, command, whole
from tubeq.cli.progress import environment, run_until
from tubeq.domain.errors import InvalidParameters, TubeqError
from tubeq.domain.models import NewTask
from tubeq.domain.policies import ClaimStrategy
from tubeq.domain.states import FINISHED
from tubeq.settings import Settings
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


@command(
    argument("--workers", "N", "Worker processes.", type=whole(1, 32), default=4),
    argument("--channels", "N", "Channels, a task each.", type=whole(1, 500), default=12),
    argument("--max-results", "N", "Videos per channel.", type=whole(1, 500), default=60),
    JSON,
    argument("--svg", "FILE", argparse.SUPPRESS, type=Path),
    argument("--db", "PATH",
             "The database file; it must not exist yet. (default: a new temporary one)",
             dest="db_path", type=Path),
)  # fmt: skip
def demo(given: Namespace) -> None:
    """Watch workers scrape a simulated YouTube, offline.

    One of the requests fails and is retried. You can kill a worker meanwhile: another one takes its
    task.
    """
    view, path = run(given)
    if given.svg is not None:
        given.svg.write_text(picture(view, path), encoding="utf-8")
    answer(given, view.as_dict(path), *summary_lines(view, path))
    if not view.all_completed:
        unfinished = view.count(*FINISHED) < len(view.handles)
        raise SystemExit(EXIT_INTERRUPTED if unfinished else EXIT_WORK_FAILED)


def prepare(given: Namespace) -> tuple[SimulatedYouTube, list[str]]:
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
    names = [*_NAMES, *(f"channel-{n}" for n in range(len(_NAMES) + 1, given.channels + 1))]
    handles = [f"@{name}" for name in names[: given.channels]]
    for handle in handles:
        server.world.channel(handle, videos=given.max_results)
    # "Too many requests, come back in a second": worth a retry, and no sooner than that. Twice,
    # because yt-dlp asks a second time by itself.
    unlucky = handles[min(2, len(handles) - 1)]
    server.world.fail(faults.http_error(429, retry_after_s=1), channel=unlucky, times=2)
    return server, handles


def run(given: Namespace) -> tuple[DemoView, Path]:
    """Scrape all channels; the outcome, and the database that holds it.

    Raises:
        TubeqError: the demo cannot run here.
    """
    if given.db_path is not None and given.db_path.exists():
        # Its workers would claim, and fail, tasks that are meant for the real YouTube.
        raise InvalidParameters(
            f"{given.db_path} already exists: the demo needs a database of its own"
        )
    settings = Settings.read()
    server, handles = prepare(given)
    # The temporary folder is kept.
    db_path = given.db_path or Path(tempfile.mkdtemp(prefix="tubeq-demo-")) / "demo.db"
    settings = Settings(
        db_path, settings.durability, settings.busy_timeout_s, backoff_s=0.5, lease_s=10.0
    )
    # The user's proxy is not used, and their cookies are not sent to the simulated YouTube.
    variables = {**server.environment, "TUBEQ_COOKIES_FILE": ""}
    with server, open_queue(settings, create=True) as queue, environment(variables):
        new = (
            NewTask(TASK_TYPE, {"channel_url": handle, "max_results": given.max_results})
            for handle in handles
        )
        view = DemoView(dict(zip(queue.create_tasks(new), handles)), given.workers)
        worker = worker_config(settings, TASK_TYPE, ClaimStrategy.FIFO)
        config = RunnerConfig(worker=replace(worker, poll_interval=0.2), processes=given.workers)
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
            view.crashes = run_until(Runner(db_path, config, on_event=hear), is_over).crashed
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
