"""Bare SQL on PostgreSQL: the floor of the server class, FOR UPDATE SKIP LOCKED."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from benchmarks.contenders.base import DEFAULT, FULL, RESULT, SERVER, Queue

_RESULT = json.dumps(RESULT)
_SCHEMA = """
CREATE TABLE task (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    status smallint NOT NULL DEFAULT 0,
    payload text NOT NULL,
    worker text,
    claimed_at timestamptz,
    done_at timestamptz
);
CREATE INDEX task_ready ON task (id) WHERE status = 0;
CREATE TABLE result (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, task bigint, body text);
"""
_CLAIM = """
UPDATE task SET status = 1, worker = %s, claimed_at = now()
WHERE id = (SELECT id FROM task WHERE status = 0 ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING id, payload
"""
_COMPLETE = """
WITH done AS (UPDATE task SET status = 2, done_at = now() WHERE id = %s RETURNING id)
INSERT INTO result (task, body) SELECT id, %s FROM done
"""
_CLAIM_MANY = _CLAIM.replace("WHERE id = (", "WHERE id IN (").replace("LIMIT 1", "LIMIT %s")
_COMPLETE_MANY = _COMPLETE.replace("id = %s", "id = ANY(%s)")


class ReferencePostgres(Queue):
    """One statement, and so one transaction, for each of put, claim, and complete with result."""

    name = "postgres"
    title = "reference: bare PostgreSQL"
    kind = SERVER
    requirements = ("psycopg[binary]==3.3.9",)
    packages = ("psycopg",)
    server = "postgres"
    durabilities = (DEFAULT,)
    compared_with = FULL
    stores_results = True
    encodes = False
    recovery = "none: it is bare SQL"
    many = "executemany; UPDATE … IN (SELECT … LIMIT 100); UPDATE … = ANY(…) with the results"

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        psycopg: Any = import_module("psycopg")
        self._place = place
        self._connection = psycopg.connect(place, autocommit=True)
        if create:
            self._connection.execute(_SCHEMA)
        self.settings = "the server's defaults (synchronous_commit on: an fsync a commit)"

    def encode(self, parameters: Mapping[str, Any]) -> str:
        return json.dumps(parameters)

    def put(self, encoded: str) -> None:
        self._connection.execute("INSERT INTO task (payload) VALUES (%s)", (encoded,))

    def claim(self) -> Any | None:
        return self._connection.execute(_CLAIM, ("w",)).fetchone()

    def number_of(self, held: Any) -> int:
        return int(json.loads(held[1])["task"])

    def complete(self, held: Any) -> bool:
        self._connection.execute(_COMPLETE, (held[0], _RESULT))
        return True

    def lifecycle_batch(self, encoded: Sequence[str]) -> None:
        """Three transactions a batch."""
        self._insert_many(encoded)
        held = self._connection.execute(_CLAIM_MANY, ("w", len(encoded))).fetchall()
        self._connection.execute(_COMPLETE_MANY, ([each[0] for each in held], _RESULT))

    def fill(self, batch: Sequence[Mapping[str, Any]]) -> None:
        self._insert_many([self.encode(each) for each in batch])

    def _insert_many(self, encoded: Sequence[str]) -> None:
        rows = [(each,) for each in encoded]
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany("INSERT INTO task (payload) VALUES (%s)", rows)

    def settle(self) -> None:
        settle(self._place)

    def completed(self) -> list[int]:
        rows = self._connection.execute("SELECT payload FROM task WHERE status = 2").fetchall()
        return [int(json.loads(row[0])["task"]) for row in rows]

    def version(self) -> str:
        server = self._connection.info.server_version
        return f"{super().version()}, PostgreSQL {server // 10_000}.{server % 10_000}"

    def close(self) -> None:
        self._connection.close()


def settle(place: str) -> None:
    """Vacuum, statistics and a checkpoint of a filled database, on a connection of its own."""
    psycopg: Any = import_module("psycopg")
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
