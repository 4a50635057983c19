"""The floor: bare SQL through the standard library's sqlite3."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.contenders import bare_sql as sql
from benchmarks.contenders.base import FLOOR, RESULT, Adapter

_RESULT = json.dumps(RESULT)


class Sqlite3Floor(Adapter):
    """Three transactions a task, each BEGIN IMMEDIATE, one statement or two, COMMIT."""

    name = "sqlite3"
    title = "floor: sqlite3"
    kind = FLOOR
    stores_results = True
    encodes = False
    recovery = "none: it is bare SQL"
    many = "executemany; UPDATE … IN (SELECT … LIMIT 100); UPDATE … IN (json_each), executemany"

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        self._connection: Any = sqlite3.connect(place, timeout=30.0, isolation_level=None)
        execute = self._connection.execute
        execute("PRAGMA journal_mode = WAL")
        execute(f"PRAGMA synchronous = {sql.SYNCHRONOUS[durability]}")
        if create:
            self._connection.executescript(sql.SCHEMA)
        self._execute = execute
        self.settings = f"WAL, synchronous {sql.SYNCHRONOUS[durability]}, BEGIN IMMEDIATE"

    def encode(self, parameters: Mapping[str, Any]) -> str:
        return json.dumps(parameters)

    def put(self, encoded: str) -> None:
        execute = self._execute
        execute("BEGIN IMMEDIATE")
        execute(sql.INSERT, (encoded,))
        execute("COMMIT")

    def claim(self) -> tuple[int, str] | None:
        execute = self._execute
        execute("BEGIN IMMEDIATE")
        rows = execute(sql.CLAIM, ("w", time.time())).fetchall()
        execute("COMMIT")
        return (rows[0][0], rows[0][1]) if rows else None

    def number_of(self, held: tuple[int, str]) -> int:
        return int(json.loads(held[1])["task"])

    def complete(self, held: tuple[int, str]) -> bool:
        execute = self._execute
        execute("BEGIN IMMEDIATE")
        execute(sql.COMPLETE, (time.time(), held[0]))
        execute(sql.STORE_RESULT, (held[0], _RESULT))
        execute("COMMIT")
        return True

    def live_many(self, encoded: Sequence[str]) -> None:
        """Three transactions a batch."""
        execute = self._execute
        self._insert_many(encoded)
        execute("BEGIN IMMEDIATE")
        held = execute(sql.CLAIM_MANY, ("w", time.time(), len(encoded))).fetchall()
        execute("COMMIT")
        execute("BEGIN IMMEDIATE")
        execute(sql.COMPLETE_MANY, (time.time(), json.dumps([each[0] for each in held])))
        self._connection.executemany(sql.STORE_RESULT, [(each[0], _RESULT) for each in held])
        execute("COMMIT")

    def fill(self, batch: Sequence[Mapping[str, Any]]) -> None:
        self._insert_many([self.encode(each) for each in batch])

    def _insert_many(self, encoded: Sequence[str]) -> None:
        self._execute("BEGIN IMMEDIATE")
        self._connection.executemany(sql.INSERT, [(each,) for each in encoded])
        self._execute("COMMIT")

    def completed(self) -> list[int]:
        rows = self._execute(sql.COMPLETED).fetchall()
        return [int(json.loads(row[0])["task"]) for row in rows]

    def close(self) -> None:
        self._connection.close()
