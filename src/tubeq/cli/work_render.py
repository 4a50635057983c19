"""What workers look like in a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from tubeq.cli.tables import Table
from tubeq.cli.words import age, since
from tubeq.storage.ports.tasks import WorkerInfo


def worker_table(workers: Iterable[WorkerInfo], now: float) -> Table:
    """One row a registered worker."""
    return Table(
        "worker", "type", "host", "pid", "started", "seen", "",
        right=("pid",), elastic=("type", "host"), drop=("host", "started", "pid"),
        rows=(
            (each.worker_id, ", ".join(each.task_types), each.host, str(each.pid),
             f"{since(each.started_at, now)} ago", f"{age(now - each.last_seen)} ago",
             "stopping" if each.stop_requested else "")
            for each in workers
        ),
    )  # fmt: skip
