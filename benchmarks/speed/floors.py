"""The floors: what bare SQLite needs for the same work, by the standard library's sqlite3.

Two of them. `SameTable` works on tubeq's own table, with its columns and indexes, so what is left
between the two is what tubeq does in Python and its locks. `LeastTable` is the smallest table that
could serve as a queue: an integer key, seven columns, one partial index; what tubeq's columns and
indexes cost shows only there. Neither validates, encodes JSON, decodes rows or makes ids.
Each operation is one statement in BEGIN IMMEDIATE and COMMIT, unless it says otherwise.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.workloads.base import IDEA, PARAMETERS, TASK_TYPE
from tubeq import ClaimStrategy, QueueManager

_PAYLOAD = json.dumps(PARAMETERS)
_RESULT = '{"ideas_count": 1}'
_AT = "2026-01-01 00:00:00.000000"
_LEASE_S = 60.0
Claimed = tuple[Any, ...]
"""A claimed row: id, what names it (SameTable), parameters."""


class Floor:
    """One bare connection and its raw operations.

    Args:
        path: the file; its table must be there.
        synchronous: "NORMAL", or "FULL" where a commit is to be on the disk when it returns.
        autocheckpoint: pages of the log after which a commit moves them into the file; SQLite's
            own default. 0 where tubeq has the same file open and sees to that.
        timeout_s: how long SQLite itself waits for other writers (its busy_timeout).
    """

    claim_sql: str
    claim_many_sql: str
    insert_sql: str
    complete_sql: str
    result_sql: str
    finished_sql: str

    def __init__(
        self,
        path: Path,
        synchronous: str = "NORMAL",
        autocheckpoint: int = 1000,
        timeout_s: float = 30.0,
    ) -> None:
        self.connection = sqlite3.connect(
            path, timeout=timeout_s, isolation_level=None, cached_statements=256
        )
        self._execute = self.connection.execute
        self._numbers = count(time.time_ns())
        for pragma in ("temp_store = MEMORY", f"wal_autocheckpoint = {autocheckpoint}"):
            self._execute(f"PRAGMA {pragma}")
        self.set_synchronous(synchronous)

    def set_synchronous(self, level: str) -> None:
        """How the next commits reach the disk."""
        self._execute(f"PRAGMA synchronous = {level}")

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def claim(self, statement: str) -> Claimed | None:
        """Claim one task by that statement, if there is one."""
        now = time.time()
        self._execute("BEGIN IMMEDIATE")
        rows = self._execute(statement, self._claim_values(now)).fetchall()
        self._execute("COMMIT")
        return rows[0] if rows else None

    def claim_next(self) -> Claimed:
        """Claim one task.

        Raises:
            RuntimeError: there is none.
        """
        claimed = self.claim(self.claim_sql)
        if claimed is None:
            raise RuntimeError("the floor found nothing to claim")
        return claimed

    def claim_many(self, size: int) -> list[Claimed]:
        """Claim so many tasks by one statement."""
        now = time.time()
        self._execute("BEGIN IMMEDIATE")
        rows = self._execute(self.claim_many_sql, (*self._claim_values(now), size)).fetchall()
        self._execute("COMMIT")
        return rows

    def insert(self) -> None:
        """Create one task."""
        values = self._insert_values()
        self._execute("BEGIN IMMEDIATE")
        self._execute(self.insert_sql, values)
        self._execute("COMMIT")

    def insert_many(self, size: int) -> None:
        """Create so many tasks in one transaction."""
        self.insert_rows(self.new_rows(size))

    def new_rows(self, size: int) -> list[tuple[Any, ...]]:
        """What so many new tasks are inserted with."""
        return [self._insert_values() for _ in range(size)]

    def insert_rows(self, rows: list[tuple[Any, ...]]) -> None:
        """Create the tasks of `new_rows` in one transaction."""
        self._execute("BEGIN IMMEDIATE")
        self.connection.executemany(self.insert_sql, rows)
        self._execute("COMMIT")

    def complete(self, claimed: Claimed) -> None:
        """Complete a claimed task, without a result."""
        self._execute("BEGIN IMMEDIATE")
        self._execute(self.complete_sql, self._complete_values(claimed))
        self._execute("COMMIT")

    def complete_with_result(self, claimed: Claimed) -> None:
        """Complete a claimed task with one result: two statements, one transaction."""
        self._execute("BEGIN IMMEDIATE")
        self._execute(self.complete_sql, self._complete_values(claimed))
        self._execute(self.result_sql, self._result_values(claimed))
        self._execute("COMMIT")

    def live(self) -> None:
        """A task from its creation to its end: three transactions."""
        self.insert()
        self.complete_with_result(self.claim_next())

    def _claim_values(self, now: float) -> tuple[Any, ...]:
        raise NotImplementedError  # pragma: no cover

    def _insert_values(self) -> tuple[Any, ...]:
        raise NotImplementedError  # pragma: no cover

    def _complete_values(self, claimed: Claimed) -> tuple[Any, ...]:
        raise NotImplementedError  # pragma: no cover

    def _result_values(self, claimed: Claimed) -> tuple[Any, ...]:
        raise NotImplementedError  # pragma: no cover


_READY = f"queue_key = '{TASK_TYPE}'"
_CLAIM = """
UPDATE task_queue SET status = 'CLAIMED', worker_id = ?, claimed_at = ?, started_at = NULL,
    last_heartbeat = ?, lease_expires_at = ?, claim_token = claim_token + 1
WHERE id {pick}
RETURNING id, task_id, parameters
"""
_PICK = "SELECT id FROM task_queue WHERE {where} ORDER BY {order} LIMIT"
_FIFO = _CLAIM.format(pick=f"= ({_PICK.format(where=_READY, order='id')} 1)")
_LIFO = _CLAIM.format(pick=f"= ({_PICK.format(where=_READY, order='id DESC')} 1)")
_BY_PRIORITY = _PICK.format(
    where=f"task_type = '{TASK_TYPE}' AND status = 'QUEUED' AND scheduled = 0 AND priority > 0",
    order="priority DESC, id",
)


class SameTable(Floor):
    """The floor on tubeq's own table."""

    claim_sql = _LIFO  # as tubeq does by default
    claims = {
        ClaimStrategy.LIFO: _LIFO,
        ClaimStrategy.FIFO: _FIFO,
        ClaimStrategy.PRIORITY: _CLAIM.format(pick=f"= ({_BY_PRIORITY} 1)"),
        # Not one that seeks a random row: that costs more in a deep queue, and would flatter.
        ClaimStrategy.WEIGHTED_RANDOM: _FIFO,
    }
    claim_many_sql = _CLAIM.format(pick=f"IN ({_PICK.format(where=_READY, order='id DESC')} ?)")
    insert_sql = """
INSERT INTO task_queue
    (task_id, task_type, parameters, priority, created_at, run_after, scheduled, idempotency_key)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
    complete_sql = """
UPDATE task_queue SET status = 'COMPLETED', completed_at = ?, lease_expires_at = NULL, result = ?
WHERE id = ?"""
    result_sql = """
INSERT INTO results (result_id, task_id, source_id, title, score, created_at)
VALUES (?, ?, ?, ?, ?, ?)"""
    finish_sql = f"""
UPDATE task_queue SET status = 'COMPLETED', completed_at = '{_AT}', lease_expires_at = NULL
WHERE queue_key = '{TASK_TYPE}~'"""
    finished_sql = f"""
INSERT INTO task_queue (task_id, task_type, status, priority, claim_token, created_at, worker_id,
    claimed_at, started_at, completed_at, last_heartbeat, parameters, result)
SELECT printf('%020x', n), '{TASK_TYPE}', 'COMPLETED', 5, 1, '{_AT}', 'w', '{_AT}', '{_AT}',
    '{_AT}', 1767225600.0, '{_PAYLOAD}', '{_RESULT}' FROM numbers"""

    @classmethod
    def create_file(cls, path: Path) -> None:
        """Make a file with tubeq's tables."""
        QueueManager(path, durability="fast").close()

    def __init__(
        self,
        path: Path,
        synchronous: str = "NORMAL",
        autocheckpoint: int = 1000,
        timeout_s: float = 30.0,
    ) -> None:
        super().__init__(path, synchronous, autocheckpoint, timeout_s)
        for statement in {*self.claims.values()}:
            _require_index(self.connection, statement, self._claim_values(0.0))

    def finish_claimed(self) -> int:
        """Complete all that is claimed, so that claimed rows stay few, as in real life; how many.
        `LeastTable` has no index with claimed rows, so it needs none of this."""
        return self._execute(self.finish_sql).rowcount

    def _claim_values(self, now: float) -> tuple[Any, ...]:
        return ("w", _AT, now, now + _LEASE_S)

    def _insert_values(self) -> tuple[Any, ...]:
        return (f"{next(self._numbers):020x}", TASK_TYPE, _PAYLOAD, 0, _AT, None, 0, None)

    def _complete_values(self, claimed: Claimed) -> tuple[Any, ...]:
        return (_AT, _RESULT, claimed[0])

    def _result_values(self, claimed: Claimed) -> tuple[Any, ...]:
        result_id = f"{next(self._numbers):020x}"
        return (result_id, claimed[1], IDEA["source_id"], IDEA["title"], IDEA["score"], _AT)


class LeastTable(Floor):
    """The floor on the smallest table that could serve."""

    schema = """
PRAGMA journal_mode = WAL;
CREATE TABLE task (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    status INTEGER NOT NULL DEFAULT 0,  -- 0 ready, 1 claimed, 2 done
    payload TEXT NOT NULL,
    worker TEXT,
    token INTEGER NOT NULL DEFAULT 0,
    lease REAL
);
CREATE INDEX task_ready ON task (type) WHERE status = 0;
CREATE TABLE result (id INTEGER PRIMARY KEY, task INTEGER NOT NULL, source TEXT, title TEXT,
    score REAL);
"""
    _claim_sql = """
UPDATE task SET status = 1, worker = ?, lease = ?, token = token + 1
WHERE id {pick} (SELECT id FROM task WHERE type = ? AND status = 0 ORDER BY id LIMIT {limit})
RETURNING id, token, payload"""
    claim_sql = _claim_sql.format(pick="=", limit="1")
    claim_many_sql = _claim_sql.format(pick="IN", limit="?")
    insert_sql = "INSERT INTO task (type, payload) VALUES (?, ?)"
    complete_sql = "UPDATE task SET status = 2, lease = NULL WHERE id = ?"
    result_sql = "INSERT INTO result (task, source, title, score) VALUES (?, ?, ?, ?)"
    finished_sql = f"""
INSERT INTO task (type, status, payload, worker, token)
SELECT '{TASK_TYPE}', 2, '{_PAYLOAD}', 'w', 1 FROM numbers"""

    @classmethod
    def create_file(cls, path: Path) -> None:
        """Make a file with these tables."""
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(cls.schema)

    def _claim_values(self, now: float) -> tuple[Any, ...]:
        return ("w", now + _LEASE_S, TASK_TYPE)

    def _insert_values(self) -> tuple[Any, ...]:
        return (TASK_TYPE, _PAYLOAD)

    def _complete_values(self, claimed: Claimed) -> tuple[Any, ...]:
        return (claimed[0],)

    def _result_values(self, claimed: Claimed) -> tuple[Any, ...]:
        return (claimed[0], IDEA["source_id"], IDEA["title"], IDEA["score"])


def add_finished(floor: type[Floor], path: Path, count: int) -> None:
    """Put finished tasks in the file, with plain SQL: working ten million would take minutes.

    The file, which nobody else may have open, is written without a journal, then synced, so that
    the system is not still writing it back when the measuring begins.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = DELETE", "journal_mode = OFF", "synchronous = OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute(
            "WITH RECURSIVE numbers (n) AS "
            "(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)" + floor.finished_sql,
            (count,),
        )
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _require_index(connection: sqlite3.Connection, statement: str, values: Any) -> None:
    """A floor that scans the table would be none, and would flatter: tubeq's table has changed.

    Raises:
        RuntimeError: it does.
    """
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    if any(step[-1].startswith("SCAN") for step in plan):
        raise RuntimeError(f"the floor scans tubeq's table: {statement.strip()}")
