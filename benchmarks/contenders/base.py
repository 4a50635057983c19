"""What a queue must offer to be compared: one small class a queue, in this folder.

It is imported twice: by the command, which reads what it needs and how it is called, and by the
process that measures it, in an environment of its own. So packages are imported when the queue is
opened, never when the module is.
"""

from __future__ import annotations

import json
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from typing import Any

RESULT = {"source_id": "video-1", "title": "A video about a lighthouse", "score": 42.0}
"""What a completion stores, where a queue stores results."""
TASK_TYPE = "benchmark"
REFERENCE, LIBRARY, SERVER = "reference", "library", "server"
BATCH = 100
"""How many tasks a batch has."""
NORMAL, FULL, DEFAULT = "normal", "full", "default"
"""Durabilities: WAL with synchronous NORMAL (no fsync a commit), FULL (one), a server's own."""
_PARAMETERS = {"channel_url": "@some_channel_or_other", "max_results": 50, "note": "x" * 50}


def payload(number: int) -> dict[str, Any]:
    """The parameters of one task, some 120 bytes as JSON; `task` tells tasks apart."""
    return {"task": number, **_PARAMETERS}


class Queue:
    """One open queue. A subclass imports its packages in `open`.

    Args:
        place: a path, in a folder of its own, or a server's address.
        durability: NORMAL, FULL or DEFAULT.
        create: whether the place is new; the tables are made then.
        lease_s: how long a claim holds without a heartbeat, where a queue has leases.
    """

    name: str
    title: str
    kind: str = LIBRARY
    requirements: Sequence[str] = ()  # pip's, pinned; none: the lab's own environment serves
    packages: Sequence[str] = ()  # whose versions are recorded
    python: tuple[int, int] = (3, 10)  # the oldest Python that the requirements install on
    server: str = ""  # what it needs to run: "postgres" or "redis"
    durabilities: Sequence[str] = (NORMAL, FULL)
    compared_with: str = ""  # the durability of files that a server's defaults amount to
    script: str = ""  # a driver for node instead of Python's: a file in this folder
    settings: str = ""  # what is set, in words; known once it is open
    many: str = ""  # what it uses for a batch of tasks, in words; "" where its API has nothing
    completes = True  # else there is nothing to complete, and that verb has no figures
    lifecycle_only = False  # single verbs are not timed: it has none, or its other name has them
    # Whether a completion is accepted after `complete` has returned, and forgotten soon: then the
    # run with SIGKILL cannot say what is lost.
    completes_later = False
    # Another way to work, which the run with SIGKILL alone is to prove: its worker claims and
    # completes BATCH tasks at once.
    crash_only = False

    acknowledges = True  # a claimed task stays stored until completed: else a crash loses it
    fenced = False  # a completion is refused from a process that no longer holds the task
    stores_results = False
    keeps_history = False  # each change of a task's state, in earlier attempts too, can be read
    encodes = True  # `put` makes JSON of a payload; else it takes that, and making it is not timed
    many_processes = True  # its documentation means it for several processes on one file
    recovery: str = "none"  # what brings back the task of a killed worker, as it is used here
    patience_s: float = 0.3  # how long after a kill that may take: the last worker waits so long

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        self.place = place
        self.durability = durability
        self.lease_s = lease_s
        self.resources = ExitStack()
        self.open(create)

    def open(self, create: bool) -> None:
        """Open it, leave what is to be closed to `resources`, and set `settings`."""
        raise NotImplementedError  # pragma: no cover

    def encode(self, parameters: Mapping[str, Any]) -> Any:
        """What `put` takes; not timed."""
        return parameters if self.encodes else json.dumps(parameters)

    def put(self, encoded: Any) -> None:
        """Store one task, in a transaction of its own."""
        raise NotImplementedError  # pragma: no cover

    def put_many(self, encoded: Sequence[Any]) -> None:
        """Store many tasks the quickest way: the queue's own if it has one, else by SQL."""
        for each in encoded:
            self.put(each)

    def get_ready(self) -> None:
        """Before several processes begin together: start what the first claim would start."""

    def claim(self) -> Any | None:
        """Take the oldest task, with its payload, and mark it as begun; None where none is left."""
        raise NotImplementedError  # pragma: no cover

    def claim_many(self, count: int = BATCH) -> Sequence[Any]:
        """Take the oldest tasks, by `many`."""
        return [self.claim() for _ in range(count)]

    def number_of(self, held: Any) -> int:
        """Which task that is; not timed."""
        raise NotImplementedError  # pragma: no cover

    def complete(self, held: Any) -> bool:
        """End it, with RESULT where results are stored; whether the queue took that."""
        raise NotImplementedError  # pragma: no cover

    def complete_many(self, held: Sequence[Any]) -> Sequence[bool]:
        """End them, by `many`; of each whether the queue took that."""
        return [self.complete(each) for each in held]

    def complete_and_claim(self, held: Any) -> tuple[bool, Any | None]:
        """End it; and the next one where the queue gives that in the same call, else None."""
        return self.complete(held), None

    def lifecycle(self, encoded: Any) -> None:
        """One task: put, claimed, started, completed."""
        self.put(encoded)
        held = self.claim()
        if held is None:
            raise RuntimeError("a task that was put cannot be claimed")
        self.complete(held)

    def lifecycle_batch(self, encoded: Sequence[Any]) -> None:
        """The lifecycles of a batch, by `many`: put, claimed, started, completed."""
        self.put_many(encoded)
        held = self.claim_many(len(encoded))
        if len(held) != len(encoded) or not all(self.complete_many(held)):
            raise RuntimeError(f"{len(held)} tasks of {len(encoded)} were claimed, or one was lost")

    def fill(self, batch: Sequence[Mapping[str, Any]]) -> None:
        """Store many tasks."""
        self.put_many([self.encode(parameters) for parameters in batch])

    def settle(self) -> None:
        """After a fill: let a server do now what it would do while others are timed."""

    def recover(self, alone: bool) -> None:
        """Bring back what killed workers held.

        Args:
            alone: no other process works, so that all that is held is a dead worker's.
        """

    def is_waiting(self) -> bool:
        """Whether recovery is known to be still due: then it is waited for."""
        return False

    def completed(self) -> list[int] | None:
        """The tasks that the queue itself records as completed; None where it keeps no record."""
        return None

    def close(self) -> None:
        """Close it."""
        self.resources.close()

    def version(self) -> str:
        """Its packages with their versions, and SQLite's where it uses the standard library's."""
        parts = [f"{package} {version(package)}" for package in self.packages]
        if self.kind != SERVER:
            parts.append(f"SQLite {sqlite3.sqlite_version}")
        return ", ".join([*parts, f"Python {platform.python_version()}"])
