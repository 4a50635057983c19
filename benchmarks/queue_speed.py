"""How far a claim is from bare SQLite, and how evenly processes share a file.

    python -m benchmarks.queue_speed            # about four minutes
    python -m benchmarks.queue_speed --quick    # small queues, short runs: a check of the script

Every claim is measured beside its floor: one `UPDATE ... RETURNING` in `BEGIN IMMEDIATE` and
`COMMIT`, by the standard library's sqlite3, on the same file, in the same run, turn and turn about.
Absolute times are this machine's; the ratios carry over.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from rich.console import Console

from tubeq import ClaimStrategy, NewTask, QueueManager

TASK_TYPE = "benchmark"
PARAMETERS = {"channel_url": "@some_channel_or_other", "max_results": 50, "note": "x" * 60}
console = Console(stderr=True)


@dataclass(frozen=True)
class Row:
    """One line of a table: what was measured, its figure, and the limit that it is held to."""

    table: str
    what: str
    figures: dict[str, float]
    limits: dict[str, float]  # by the figure's name; "at least" where the name is in `at_least`
    at_least: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Whether every limit holds."""
        return all(
            self.figures[name] >= limit if name in self.at_least else self.figures[name] <= limit
            for name, limit in self.limits.items()
        )


# Claim latency ------------------------------------------------------------------------------------

_FLOOR = """
UPDATE task_queue SET status = 'CLAIMED', worker_id = ?, claimed_at = ?,
    claim_token = claim_token + 1, last_heartbeat = ?, lease_expires_at = ?
WHERE id = (SELECT id FROM task_queue WHERE {where} ORDER BY {order} LIMIT 1)
RETURNING id, task_id, parameters
"""
_READY = f"queue_key = '{TASK_TYPE}'"
_FLOORS = {
    ClaimStrategy.LIFO: _FLOOR.format(where=_READY, order="id DESC"),
    ClaimStrategy.FIFO: _FLOOR.format(where=_READY, order="id"),
    ClaimStrategy.PRIORITY: _FLOOR.format(
        where=f"task_type = '{TASK_TYPE}' AND status = 'QUEUED' AND scheduled = 0 AND priority > 0",
        order="priority DESC, id",
    ),
    ClaimStrategy.WEIGHTED_RANDOM: _FLOOR.format(
        where=f"{_READY} AND id >= (SELECT abs(random()) % max(id) FROM task_queue)", order="id"
    ),
}


def raw_connection(path: Path) -> sqlite3.Connection:
    """A bare connection, set as tubeq sets its own."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def raw_claim(connection: sqlite3.Connection, statement: str) -> None:
    """The floor: nothing but the statement in its transaction."""
    now = time.time()
    connection.execute("BEGIN IMMEDIATE")
    values = ("w", "2026-01-01 00:00:00.000000", now, now + 60)
    rows = connection.execute(statement, values).fetchall()
    connection.execute("COMMIT")
    if len(rows) != 1:
        raise RuntimeError("the floor found nothing to claim")


def timed(call: Callable[[], object], warm_up: int, count: int) -> list[float]:
    """Seconds of each of `count` calls, after some that fill the caches."""
    for _ in range(warm_up):
        call()
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


def percentile(seconds: list[float], part: float) -> float:
    """The value below which that part of the values lies, in microseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1e6


def fill(queue: QueueManager, count: int, *, run_after: float | None = None) -> None:
    """Create that many tasks with priorities 1 to 9, in batches."""
    for first in range(0, count, 1000):
        size = min(1000, count - first)
        queue.create_tasks(
            NewTask(TASK_TYPE, PARAMETERS, 1 + number % 9, run_after) for number in range(size)
        )


def add_finished(path: Path, count: int) -> None:
    """Put finished tasks in the file: by hand, since working them would take minutes."""
    connection = raw_connection(path)
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO task_queue (task_id, task_type, status, parameters, created_at, completed_at) "
        "VALUES (?, ?, 'COMPLETED', ?, '2026-01-01 00:00:00', '2026-01-01 00:00:01')",
        ((f"done-{number:012}", TASK_TYPE, json.dumps(PARAMETERS)) for number in range(count)),
    )
    connection.execute("COMMIT")
    connection.close()


def claim_latency(folder: Path, depths: dict[str, dict[str, int]], rounds: int) -> Iterator[Row]:
    """Claims of every strategy, beside their floor, on files of several shapes."""
    shallow: dict[ClaimStrategy, float] = {}
    for shape, sizes in depths.items():
        path = folder / f"{shape.replace(' ', '-')}.db"
        with QueueManager(path, durability="fast") as queue, console.status(f"filling: {shape}"):
            fill(queue, sizes.get("later", 0), run_after=time.time() + 86_400)
            add_finished(path, sizes.get("finished", 0))
            fill(queue, sizes["ready"])
        with QueueManager(path) as queue:
            yield from _claims_on(queue, path, shape, rounds, shallow)
        path.unlink()


def _claims_on(
    queue: QueueManager, path: Path, shape: str, rounds: int, shallow: dict[ClaimStrategy, float]
) -> Iterator[Row]:
    own: dict[ClaimStrategy, list[list[float]]] = {each: [] for each in ClaimStrategy}
    floor: dict[ClaimStrategy, list[list[float]]] = {each: [] for each in ClaimStrategy}
    raw = raw_connection(path)
    turns = [(strategy, bare) for strategy in ClaimStrategy for bare in (False, True)]
    batch, warm_up = 60, 10
    for _ in console_steps(range(rounds), f"claiming: {shape}"):
        random.shuffle(turns)
        for strategy, bare in turns:
            if bare:
                statement = _FLOORS[strategy]
                floor[strategy].append(timed(lambda: raw_claim(raw, statement), warm_up, batch))  # noqa: B023
            else:
                claim = lambda: queue.claim_next_task(TASK_TYPE, "w", strategy)  # noqa: B023, E731
                own[strategy].append(timed(claim, warm_up, batch))
            fill(queue, batch + warm_up)
    raw.close()
    for strategy in ClaimStrategy:
        ratios = [
            percentile(mine, 0.5) / percentile(bare, 0.5)
            for mine, bare in zip(own[strategy], floor[strategy])
        ]
        p50, p95 = (percentile([*chain(*own[strategy])], part) for part in (0.5, 0.95))
        shallow.setdefault(strategy, p50)
        yield Row(
            "claim",
            f"{shape}, {strategy}",
            {
                "P50 µs": p50,
                "P95 µs": p95,
                "floor P50 µs": percentile([*chain(*floor[strategy])], 0.5),
                "P50 / floor": statistics.median(ratios),
                "P50 / P50 at 1,000": p50 / shallow[strategy],
            },
            {"P50 / floor": 1.5, "P50 / P50 at 1,000": 1.3},
        )


# Contention ---------------------------------------------------------------------------------------


Report = tuple[list[float], list[int], str | None]  # seconds of claims, row ids, an error


def contender(
    path: Path, name: str, work_s: float, run_s: float, start: Barrier, out: Queue[Report]
) -> None:
    """Claim for `run_s` seconds, working `work_s` on each task; report latencies and row ids."""
    seconds: list[float] = []
    claimed: list[int] = []
    error = None
    with QueueManager(path) as queue:
        start.wait()
        ends = time.perf_counter() + run_s
        try:
            while (began := time.perf_counter()) < ends:
                task = queue.claim_next_task(TASK_TYPE, name)
                seconds.append(time.perf_counter() - began)
                if task is None:
                    raise RuntimeError("the queue ran dry: fill it more")
                claimed.append(task.row_id)
                if work_s:
                    time.sleep(work_s)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is a finding
            error = repr(failure)
    out.put((seconds, claimed, error))


def contention(folder: Path, run_s: float) -> Iterator[Row]:
    """One, four and eight processes on one file: saturated, and with 1 ms of work a task."""
    for work_s in (0.0, 0.001):
        for processes in (1, 4, 8):
            what = f"{processes} processes, {'1 ms of work' if work_s else 'saturated'}"
            with console.status(what):
                yield _contend(folder / "contention.db", processes, work_s, run_s, what)


def _contend(path: Path, processes: int, work_s: float, run_s: float, what: str) -> Row:
    with QueueManager(path, durability="fast") as queue:
        fill(queue, int(40_000 * run_s) if not work_s else int(8_000 * run_s))
    context = multiprocessing.get_context("spawn")
    out: Queue[Report] = context.Queue()
    start = context.Barrier(processes)
    children = [
        context.Process(target=contender, args=(path, f"w{each}", work_s, run_s, start, out))
        for each in range(processes)
    ]
    for child in children:
        child.start()
    wal_bytes = 0
    reports: list[Report] = []
    wal = Path(f"{path}-wal")
    while len(reports) < processes:
        if not out.empty():
            reports.append(out.get())
        if wal.exists():
            wal_bytes = max(wal_bytes, wal.stat().st_size)
        time.sleep(0.02)
    for child in children:
        child.join()
    for leftover in path.parent.glob(f"{path.name}*"):
        leftover.unlink()
    seconds = [each for report in reports for each in report[0]]
    claimed = [each for report in reports for each in report[1]]
    errors = [report[2] for report in reports if report[2]]
    shares = [len(report[1]) for report in reports]
    if errors:
        console.print(errors)
    return Row(
        "contention",
        what,
        {
            "claims/s": len(claimed) / run_s,
            "P50 µs": percentile(seconds, 0.5),
            "P99 µs": percentile(seconds, 0.99),
            "slowest ms": max(seconds) * 1e3,
            "Jain": sum(shares) ** 2 / (len(shares) * sum(each * each for each in shares)),
            "double": len(claimed) - len(set(claimed)),
            "errors": len(errors),
            "WAL MB": wal_bytes / 1e6,
        },
        {"slowest ms": 100, "Jain": 0.95, "double": 0, "errors": 0, "WAL MB": 64},
        at_least=("Jain",),
    )


# Start-up and memory ------------------------------------------------------------------------------

_WORKER = """
import resource, sys, tempfile, pathlib
import yt_dlp
alone = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from tubeq import BaseWorker, QueueManager, WorkerConfig
class Plugin:
    def scrape(self, **parameters):
        return [{"source_id": "a", "title": "b", "score": 1.0}]
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "queue.db"
    queue = QueueManager(path)
    for _ in range(1000):
        queue.create_task("benchmark", {})
    worker = BaseWorker(WorkerConfig(worker_id="w", task_type="benchmark"), path, Plugin())
    while task := worker.claim_task():
        assert worker.process_task(task).success
    worker.close()
    queue.close()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - alone) / 1024)
"""


def start_up() -> Iterator[Row]:
    """The cost of `import tubeq`, and what a worker needs beside yt-dlp."""

    def run_ms(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return (time.perf_counter() - began) * 1e3

    extra = [run_ms("import tubeq; tubeq.QueueManager") - run_ms("pass") for _ in range(11)]
    loads = subprocess.run(
        [sys.executable, "-c", "import sys, tubeq; print('yt_dlp' in sys.modules)"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    yield Row(
        "start-up",
        "import tubeq, and its QueueManager",
        {"ms": statistics.median(extra), "loads yt_dlp": float(loads == "True")},
        {"ms": 60, "loads yt_dlp": 0},
    )
    if sys.platform != "win32":
        measured = subprocess.run(
            [sys.executable, "-c", _WORKER], check=True, capture_output=True, text=True
        )
        yield Row(
            "start-up",
            "a worker's memory beside yt-dlp's",
            {"MB": float(measured.stdout)},
            {"MB": 100},
        )


# Output -------------------------------------------------------------------------------------------


def console_steps(steps: range, what: str) -> Iterator[int]:
    """The steps, with a progress bar on standard error."""
    from rich.progress import track

    yield from track(steps, what, console=console, transient=True)


def as_markdown(rows: list[Row]) -> str:
    """The rows as tables, each figure that has a limit followed by it."""
    lines: list[str] = []
    for table in dict.fromkeys(row.table for row in rows):
        mine = [row for row in rows if row.table == table]
        headings = list(dict.fromkeys(name for row in mine for name in row.figures))
        lines += ["", f"| {table} | {' | '.join(headings)} | |", "|---" * (len(headings) + 2) + "|"]
        for row in mine:
            cells = [_cell(row, name) for name in headings]
            lines.append(
                f"| {row.what} | {' | '.join(cells)} | {'met' if row.met else 'NOT met'} |"
            )
    return "\n".join(lines).strip()


def _cell(row: Row, name: str) -> str:
    if name not in row.figures:
        return ""
    value = row.figures[name]
    text = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    if name not in row.limits:
        return text
    return f"{text} ({'≥' if name in row.at_least else '≤'} {row.limits[name]:g})"


def main() -> int:
    """Measure, print, and exit with 1 when a limit was not met (but for --report-only)."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.queue_speed",
        description="How far a claim is from bare SQLite, and how evenly processes share a file.",
    )
    parser.add_argument("--quick", action="store_true", help="small queues and short runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--report-only", action="store_true", help="exit with 0 all the same")
    options = parser.parse_args()
    many, rounds, run_s = (20_000, 4, 0.5) if options.quick else (1_000_000, 30, 4.0)
    shapes = {
        "1,000 queued": {"ready": 1_000},
        f"{many:,} queued": {"ready": many},
        f"1,000 beside {many:,} finished": {"ready": 1_000, "finished": many},
        f"{many // 100:,} beside {many - many // 100:,} for later": {
            "ready": many // 100,
            "later": many - many // 100,
        },
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*claim_latency(folder, shapes, rounds), *contention(folder, run_s), *start_up()]
    if options.json:
        print(json.dumps([{**asdict(row), "met": row.met} for row in rows], indent=2))
    else:
        print(as_markdown(rows))
    return 0 if options.report_only or all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
