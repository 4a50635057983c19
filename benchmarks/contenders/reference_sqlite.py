"""The reference: what bare SQLite needs for the same work, by the standard library's sqlite3.

It has the verbs of `QueueManager` that workloads use, so that a workload runs on it unchanged, over
a copy of tubeq's two tables as they were on 2026-11-26 (columns, indexes, no triggers). It checks
nothing, encodes no JSON, decodes no rows, fences nothing and makes no ids but a counter's: what is
between the two is what tubeq does in Python, and its locks.

**Frozen.** A ratio is only comparable with others to the same file, so its SHA-256 is part of each
record and a test pins it: a change begins a new series. It therefore imports nothing of
this repository. One claim, creation or completion is one transaction, BEGIN IMMEDIATE to COMMIT.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

TASK_TYPE = "benchmark"
_PAYLOAD = (
    '{"channel_url": "@some_channel_or_other", "max_results": 50, "note": "' + "x" * 60 + '"}'
)
_RESULT = '{"ideas_count": 1}'
_AT = "2026-01-01 00:00:00.000000"
_LEASE_S = 60.0
_BULK = 1000
Row = tuple[Any, ...]
"""A claimed task: its row's id, its task id, its parameters."""

SCHEMA = """
CREATE TABLE task_queue (
    id INTEGER PRIMARY KEY,
    task_id TEXT NOT NULL DEFAULT (lower(hex(randomblob(10)))),
    task_type TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'QUEUED'
        CHECK (status = 'COMPLETED' OR status = 'RUNNING' OR status = 'QUEUED'
            OR status = 'CLAIMED' OR status = 'FAILED' OR status = 'CANCELLED'),
    scheduled INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL DEFAULT 0,
    claim_token INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    retry_count INTEGER NOT NULL DEFAULT 0,
    crash_count INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    run_after REAL,
    worker_id TEXT,
    claimed_at TIMESTAMP,
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    last_heartbeat REAL,
    lease_expires_at REAL,
    error_code TEXT,
    error_message TEXT,
    idempotency_key TEXT,
    parameters TEXT NOT NULL DEFAULT '{}',
    result TEXT,
    queue_key TEXT GENERATED ALWAYS AS (
        CASE
            WHEN status = 'QUEUED' THEN CASE WHEN scheduled = 0 THEN task_type END
            WHEN status IN ('CLAIMED', 'RUNNING') THEN task_type || '~'
        END
    ) VIRTUAL,
    run_after_set_at REAL,
    boot INTEGER,
    lease_ends_uptime_s REAL
);
CREATE UNIQUE INDEX task_queue_task_id ON task_queue (task_id);
CREATE INDEX task_queue_open ON task_queue (queue_key) WHERE queue_key IS NOT NULL;
CREATE INDEX task_queue_prioritised ON task_queue (task_type, priority DESC)
    WHERE status = 'QUEUED' AND scheduled = 0 AND priority > 0;
CREATE INDEX task_queue_scheduled ON task_queue (task_type, run_after)
    WHERE status = 'QUEUED' AND scheduled = 1;
CREATE UNIQUE INDEX task_queue_idempotency_key ON task_queue (idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX task_queue_delayed ON task_queue (run_after_set_at)
    WHERE run_after_set_at IS NOT NULL;
CREATE TABLE results (
    id INTEGER PRIMARY KEY,
    result_id TEXT NOT NULL DEFAULT (lower(hex(randomblob(10)))),
    task_id TEXT NOT NULL REFERENCES task_queue (task_id),
    source_id TEXT,
    title TEXT,
    description TEXT,
    score REAL,
    url TEXT,
    views INTEGER,
    duration_s REAL,
    published_at TIMESTAMP,
    extra TEXT,
    created_at TIMESTAMP NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    copy INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX results_task_source ON results (task_id, source_id, copy);
"""

_CLAIM = """
UPDATE task_queue SET status = 'CLAIMED', worker_id = ?, claimed_at = ?, started_at = NULL,
    last_heartbeat = ?, lease_expires_at = ?, claim_token = claim_token + 1
WHERE id {pick}
RETURNING id, task_id, parameters
"""
_READY = f"SELECT id FROM task_queue WHERE queue_key = '{TASK_TYPE}' ORDER BY"
_PRIORITISED = f"""SELECT id FROM task_queue
    WHERE task_type = '{TASK_TYPE}' AND status = 'QUEUED' AND scheduled = 0 AND priority > 0
    ORDER BY priority DESC, id"""
CLAIMS = {
    "lifo": _CLAIM.format(pick=f"= ({_READY} id DESC LIMIT 1)"),
    "fifo": _CLAIM.format(pick=f"= ({_READY} id LIMIT 1)"),
    "priority": _CLAIM.format(pick=f"= ({_PRIORITISED} LIMIT 1)"),
    # A seek of a random row costs bare SQLite more in a deep queue, and would flatter.
    "weighted_random": _CLAIM.format(pick=f"= ({_READY} id LIMIT 1)"),
}
"""By strategy."""
_CLAIM_MANY = _CLAIM.format(pick=f"IN ({_READY} id DESC LIMIT ?)")
_INSERT = """
INSERT INTO task_queue
    (task_id, task_type, parameters, priority, created_at, run_after, scheduled, idempotency_key)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_START = "UPDATE task_queue SET status = 'RUNNING', started_at = ? WHERE id = ?"
_COMPLETE = """
UPDATE task_queue SET status = 'COMPLETED', completed_at = ?, lease_expires_at = NULL, result = ?
WHERE id = ?
"""
_STORE = """
INSERT INTO results (result_id, task_id, source_id, title, score, created_at)
VALUES (?, ?, ?, ?, ?, ?)
"""


class ReferenceQueue:
    """One connection to a file of its own.

    Args:
        path: the file; made, with its tables, where it is not there.
        durability: "fast": no sync at a commit; "balanced": creations and completions are on the
            disk when they return; "full": claims and starts too.
        timeout_s: how long SQLite itself waits for other writers (its busy_timeout).

    Raises:
        RuntimeError: a claim would scan the table.
    """

    def __init__(
        self, path: Path, *, durability: str = "balanced", timeout_s: float = 30.0, **_: Any
    ) -> None:
        is_new = not Path(path).exists()
        self.connection = sqlite3.connect(
            path, timeout=timeout_s, isolation_level=None, cached_statements=256
        )
        self._execute = self.connection.execute
        self._numbers = count(time.time_ns())
        self._execute("PRAGMA journal_mode = WAL").fetchall()
        self._execute("PRAGMA temp_store = MEMORY")
        self._level = ""
        self._claims_level = "FULL" if durability == "full" else "NORMAL"
        self._writes_level = "NORMAL" if durability == "fast" else "FULL"
        self._begin(self._claims_level)
        self._execute("COMMIT")
        if is_new:
            self.connection.executescript(SCHEMA)
        self._check_plans()

    def __enter__(self) -> ReferenceQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def create_task(self, _task_type: str = "", _parameters: Any = None, priority: int = 0) -> str:
        """Create one task; its id."""
        values = self._new(priority)
        self._begin(self._writes_level)
        self._execute(_INSERT, values)
        self._execute("COMMIT")
        return str(values[0])

    def create_tasks(self, tasks: Iterable[Any]) -> None:
        """Create as many tasks as there are items, in one transaction."""
        self._insert([self._new(0) for _ in tasks])

    def fill(self, size: int) -> None:
        """Create so many tasks of priorities 1 to 9, as `workloads.base.fill` does."""
        for first in range(0, size, _BULK):
            numbers = range(first, min(first + _BULK, size))
            self._insert([self._new(1 + number % 9) for number in numbers])

    def claim_next_task(
        self, _task_type: str = "", _worker_id: str = "", strategy: str = "lifo"
    ) -> Row | None:
        """Claim one task, if there is one."""
        now = time.time()
        self._begin(self._claims_level)
        rows = self._execute(CLAIMS[str(strategy)], ("w", _AT, now, now + _LEASE_S)).fetchall()
        self._execute("COMMIT")
        return _Claimed(*rows[0]) if rows else None

    def claim_tasks(self, _task_type: str, _worker_id: str, limit: int, **_: Any) -> Sequence[Row]:
        """Claim at most so many tasks in one transaction."""
        now = time.time()
        self._begin(self._claims_level)
        rows = self._execute(_CLAIM_MANY, ("w", _AT, now, now + _LEASE_S, limit)).fetchall()
        self._execute("COMMIT")
        return [_Claimed(*row) for row in rows]

    def start_task(self, claim: Row) -> Row:
        """CLAIMED to RUNNING."""
        self._begin(self._claims_level)
        self._execute(_START, (_AT, claim[0]))
        self._execute("COMMIT")
        return claim

    def complete_task(self, claim: Row, results: Sequence[Any] = ()) -> None:
        """Complete a claimed task with one result for each that is given."""
        self._begin(self._writes_level)
        self._execute(_COMPLETE, (_AT, _RESULT, claim[0]))
        for _ in results:
            self._execute(_STORE, self._result(claim))
        self._execute("COMMIT")

    def complete_tasks(self, completions: Sequence[Any]) -> None:
        """Complete claimed tasks in one transaction, each with one result. A completion is a claim,
        or has it as `claim`."""
        claims = [getattr(each, "claim", each) for each in completions]
        self._begin(self._writes_level)
        self.connection.executemany(_COMPLETE, [(_AT, _RESULT, claim[0]) for claim in claims])
        self.connection.executemany(_STORE, [self._result(claim) for claim in claims])
        self._execute("COMMIT")

    def stats(self) -> SimpleNamespace:
        """`by_status`, with a number for each status, and `results`: for checks."""
        states = ("QUEUED", "CLAIMED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED")
        found = self._execute("SELECT status, count(*) FROM task_queue GROUP BY status")
        (results,) = self._execute("SELECT count(*) FROM results").fetchone()
        return SimpleNamespace(
            by_status={**dict.fromkeys(states, 0), **dict(found.fetchall())}, results=results
        )

    def _check_plans(self) -> None:
        """A reference that scans its table would flatter whatever is compared with it."""
        for statement in CLAIMS.values():
            plan = self._execute(f"EXPLAIN QUERY PLAN {statement}", ("w", _AT, 0.0, 0.0))
            if any(str(step[-1]).startswith("SCAN") for step in plan.fetchall()):
                raise RuntimeError(f"the reference scans its table: {statement.strip()}")

    def _begin(self, level: str) -> None:
        if level != self._level:
            self._execute(f"PRAGMA synchronous = {level}")
            self._level = level
        self._execute("BEGIN IMMEDIATE")

    def _insert(self, rows: list[Row]) -> None:
        self._begin(self._writes_level)
        self.connection.executemany(_INSERT, rows)
        self._execute("COMMIT")

    def _new(self, priority: int) -> Row:
        task_id = f"{next(self._numbers):020x}"
        return (task_id, TASK_TYPE, _PAYLOAD, priority, _AT, None, 0, None)

    def _result(self, claim: Row) -> Row:
        result_id = f"{next(self._numbers):020x}"
        return (result_id, claim[1], "video-1", "A video about a lighthouse", 42.0, _AT)


class _Claimed(tuple[Any, ...]):
    """A claimed row, with the names that workloads read."""

    __slots__ = ()

    def __new__(cls, *values: Any) -> _Claimed:
        return super().__new__(cls, values)

    @property
    def row_id(self) -> int:
        return int(self[0])

    @property
    def task_id(self) -> str:
        return str(self[1])


OPENS = ReferenceQueue
"""What a workload opens in place of the package's QueueManager."""
