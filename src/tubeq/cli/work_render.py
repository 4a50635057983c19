"""What workers look like in a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from tubeq.cli.console import safe
from tubeq.cli.tables import Table
from tubeq.cli.words import age, since
from tubeq.storage.ports.tasks import WorkerInfo


def worker_table(workers: Iterable[WorkerInfo], now: float) -> Table:
    """One row a registered worker."""
    drawn = Table(
        "worker", "type", "host", "pid", "started", "seen", "",
        right=("pid",), elastic=("type", "host"), drop=("host", "started", "pid"),
    )  # fmt: skip
    for worker in workers:
        drawn.add_row(
            safe(worker.worker_id),
            safe(", ".join(worker.task_types)),
            safe(worker.host),
            str(worker.pid),
            f"{since(worker.started_at, now)} ago",
            f"{age(now - worker.last_seen)} ago",
            "stopping" if worker.stop_requested else "",
        )
    return drawn
