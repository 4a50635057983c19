"""The interface of a queue that is compared: a small class for each in this folder, and its facts
(requirements, title, abilities) in queues.json, by its name.

Each module is imported twice: by the command, and by the process that measures the queue, in an
environment of its own. So packages are imported when a queue is opened, never when its module is.
"""

from __future__ import annotations

import json
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULT = {"source_id": "video-1", "title": "A video about a lighthouse", "score": 42.0}
"""What a completion stores in queues that store results."""
TASK_TYPE = "benchmark"
REFERENCE, LIBRARY, SERVER = "reference", "library", "server"
"""Kinds of queues. REFERENCE is also the name of the one that ratios refer to."""
BATCH = 100
"""The number of tasks in a batch."""
NORMAL, FULL, DEFAULT = "normal", "full", "default"
"""Durabilities: WAL with synchronous NORMAL (no fsync a commit), FULL (one), a server's own."""
_FACTS = json.loads(Path(__file__).with_name("queues.json").read_text("utf-8"))
QUEUES = {name: f"benchmarks.contenders.{facts.pop('class')}" for name, facts in _FACTS.items()}
"""The queues that are compared: by name, "module:Class"."""
_PARAMETERS = {"channel_url": "@some_channel_or_other", "max_results": 50, "note": "x" * 50}


def payload(number: int) -> dict[str, Any]:
    """The parameters of one task, some 120 bytes as JSON; `task` identifies the task."""
    return {"task": number, **_PARAMETERS}


def load(place: str) -> type[Queue]:
    """The queue at "module:Class"; ImportError or AttributeError where there is none."""
    module, _, name = place.partition(":")
    found: type[Queue] = getattr(import_module(module), name)
    return found


class Queue:
    """One open queue. A subclass imports its packages in `open`; facts that are not in its entry of
    queues.json are those of the class that it extends.

    `place` is a path in a folder of its own, or a server's address; with `create` it is new, and
    tables are made. A claim holds `lease_s` without a heartbeat, in queues with leases.
    """

    name: str
    title: str
    kind: str = LIBRARY
    requirements: Sequence[str] = ()  # for pip, pinned; empty: the lab's own environment is used
    packages: Sequence[str] = ()  # the packages whose versions are recorded
    python: tuple[int, int] = (3, 10)  # the oldest Python that the requirements install on
    server: str = ""  # what it needs to run: "postgres" or "redis"
    durabilities: Sequence[str] = (NORMAL, FULL)
    compared_with: str = ""  # the durability of files that a server's defaults amount to
    script: str = ""  # a driver for node instead of the Python one: a file in this folder
    settings: str = ""  # what is set, in words; known once it is open
    many: str = ""  # what it uses for a batch of tasks, in words; "" where its API has no batches
    completes = True  # else tasks cannot be completed, and that verb has no figures
    lifecycle_only = False  # single verbs are not timed: it has none, or another entry times them
    completes_later = False  # after `complete` has returned: SIGKILL cannot show what is lost
    crash_only = False  # a variant for the run with SIGKILL only: BATCH tasks at once
    acknowledges = True  # a claimed task stays stored until completed: else a crash loses it
    fenced = False  # a completion is refused from a process that no longer holds the task
    stores_results = False
    keeps_history = False  # each change of a task's state, in earlier attempts too, can be read
    encodes = True  # `put` converts payloads to JSON; else it takes JSON, converted untimed
    many_processes = True  # its documentation allows several processes on one file
    recovery: str = "none"  # how the task of a killed worker is recovered, as used here
    patience_s: float = 0.3  # how long after a kill that may take: the last worker waits this long

    def __init_subclass__(cls) -> None:
        for fact, value in _FACTS.get(cls.__dict__.get("name"), {}).items():
            setattr(cls, fact, tuple(value) if isinstance(value, list) else value)

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        self.place = place
        self.durability = durability
        self.lease_s = lease_s
        self.resources = ExitStack()
        self.open(create)

    def open(self, create: bool) -> None:
        """Open it, register what is to be closed with `resources`, and set `settings`."""
        raise NotImplementedError  # pragma: no cover

    def encode(self, parameters: Mapping[str, Any]) -> Any:
        """The argument of `put`; not timed."""
        return parameters if self.encodes else json.dumps(parameters)

    def put(self, encoded: Any) -> None:
        """Store one task, in a transaction of its own."""
        raise NotImplementedError  # pragma: no cover

    def put_many(self, encoded: Sequence[Any]) -> None:
        """Store many tasks in the fastest way: the queue's own if it has one, else by SQL."""
        for each in encoded:
            self.put(each)

    def get_ready(self) -> None:
        """Before several processes begin together: initialize what the first claim would."""

    def claim(self) -> Any | None:
        """Take the oldest task with its payload, as started; None where the queue is empty."""
        raise NotImplementedError  # pragma: no cover

    def claim_many(self, count: int = BATCH) -> Sequence[Any]:
        """Take the oldest tasks, by `many`."""
        return [self.claim() for _ in range(count)]

    def number_of(self, held: Any) -> int:
        """The number of the task; not timed."""
        raise NotImplementedError  # pragma: no cover

    def complete(self, held: Any) -> bool:
        """Complete it, with RESULT where results are stored; whether the queue accepted that."""
        raise NotImplementedError  # pragma: no cover

    def complete_many(self, held: Sequence[Any]) -> Sequence[bool]:
        """Complete them, by `many`; for each whether the queue accepted that."""
        return [self.complete(each) for each in held]

    def complete_and_claim(self, held: Any) -> tuple[bool, Any | None]:
        """Complete it; the next one too, if the queue claims that in the same call."""
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
        """After a fill: let a server do now what it would otherwise do during the timing."""

    def recover(self, alone: bool) -> None:
        """Recover what killed workers held; if `alone`, all held tasks are those of dead ones."""

    def is_waiting(self) -> bool:
        """Whether a recovery is known to be still due: then the caller waits for it."""
        return False

    def completed(self) -> list[int] | None:
        """The tasks that the queue itself records as completed; None where it does not."""
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
