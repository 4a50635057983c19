"""Which limits of benchmarks/judging/targets.toml guard each figure beside its target.

A figure is measured at length, by hand; its guard is a count, or a wide limit, that `run` and the
gate look at on every change. What costs a statement, a commit or a sync more goes red there, long
before anybody measures the figure again. A pattern stands for rows: "table: what", as of file
names. A row without a guard fails a test, as does a guard without a limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from benchmarks.speed.rows import Row

PEERS = "peers"
"""The group of those rows that only a comparison with other queues can judge."""
_COUNTS = ("statements", "transactions", "fsyncs")
_ENRICHED = ("throughput_per_s", "requests_per_video")


class Guard(NamedTuple):
    """A workload, and which of its metrics or counters have a limit."""

    workload: str
    names: Sequence[str] = _COUNTS

    def __str__(self) -> str:
        return f"{self.workload} ({', '.join(self.names)})"


def _claim(strategy: str) -> list[Guard]:
    deep = Guard(f"claim-{strategy}-1e5", ("statements", "latency_p95_ms"))
    return [Guard(f"claim-{strategy}-1e3"), deep]


_BATCHES = [Guard("claim-batch"), Guard("complete-batch")]
_MET = [
    Guard("contention-8", ("latency_p95_ms", "unfairness")),
    Guard("contention-8-work", ("latency_p95_ms", "throughput_per_s")),
]

GUARDS: Mapping[str, Mapping[str, Sequence[Guard]]] = {
    PEERS: {
        "beside the floor: *": [*_claim("fifo"), Guard("enqueue"), Guard("complete")],
        "whole lifecycle: *": [Guard("lifecycle"), Guard("complete-and-claim-next")],
        "whole lifecycle, in batches of 100: *": [Guard("enqueue-bulk-1000"), *_BATCHES],
        "claim by depth: *": _claim("fifo"),
        "saturated, beside peers: *": [Guard("claim-fifo-1e3"), *_MET],
        "SIGKILL: *": [Guard("rescue", ("transactions", "fsyncs"))],
    },
    "claims": {
        "claim: *, lifo": _claim("lifo"),
        "claim: *, fifo": _claim("fifo"),
        "claim: *, priority": _claim("priority"),
        "claim: *, weighted_random (floor: fifo)": _claim("weighted-random"),
    },
    "verbs": {
        "verb: enqueue, *": [Guard("enqueue")],
        "verb: complete, *": [Guard("complete")],
        "lifecycle: complete and claim next, *": [Guard("complete-and-claim-next")],
        "lifecycle: a verb at a time, *": [Guard("lifecycle")],
        "bulk: create *": [Guard("enqueue-bulk-1000")],
        "bulk: claim *": [Guard("claim-batch")],
    },
    "worker": {
        "worker: one process, fast": [Guard("worker-fast")],
        "worker: one process, balanced": [Guard("worker-balanced")],
        "worker: batches of 100, balanced": _BATCHES,
    },
    "contention": {"contention: *": [Guard("claim-lifo-1e3"), *_MET]},
    "wake": {
        "wake-up: *": [
            Guard("wake-up", ("latency_p50_ms",)),
            Guard("idle-worker", ("statements_per_minute", "commits_per_minute")),
        ],
    },
    "start_up": {
        "start-up: import tubeq, *": [Guard("start-up-queue", ("latency_p50_ms",))],
        "start-up: tubeq --help": [Guard("start-up-cli", ("latency_p50_ms",))],
        "start-up: a worker's memory *": [Guard("worker-memory", ("memory_mb",))],
    },
    "ten_million": {
        "* tasks, µs by tenth: create *": [Guard("enqueue-bulk-1000")],
        "* tasks, µs by tenth: claim *": [Guard("claim-batch")],
        "* tasks, µs by tenth: complete *": [Guard("complete-batch")],
        "* tasks, µs by tenth: prune*": [Guard("prune")],
        "* tasks, µs by tenth: *": [Guard("look", ("latency_p95_ms", *_COUNTS))],
        "* tasks, file: *": [Guard("file-growth", ("file_bytes_per_task",))],
    },
    "scraping": {
        "scraping: 50 videos of a channel, *": [Guard("worker-balanced"), Guard("lifecycle")],
        "scraping: * enriched, *, 8 processes, *": [Guard("enriching-8-processes", _ENRICHED)],
        "scraping: * enriched, *, one process of 8 threads, *": [
            Guard("enriching-8-threads", _ENRICHED)
        ],
    },
    "long_listing": {
        "listing: first idea *": [Guard("listing", ("first_idea_ms",))],
        "listing: *": [Guard("listing", ("throughput_per_s", "memory_growth_mb"))],
    },
}
"""By group of benchmarks.speed, and PEERS; by pattern of rows."""


def guards_of(row: Row) -> Sequence[Guard]:
    """What guards a row's figures; empty where nothing does."""
    name = f"{row.table}: {row.what}"
    for patterns in GUARDS.values():
        for pattern, guards in patterns.items():
            if fnmatchcase(name, pattern):
                return guards
    return ()


def as_markdown() -> str:
    """The table of results/README.md."""
    lines = ["| figures | guarded by |", "|---|---|"]
    for patterns in GUARDS.values():
        for pattern, guards in patterns.items():
            lines.append(f"| {pattern.replace('*', '…')} | {'; '.join(map(str, guards))} |")
    return "\n".join(lines)
