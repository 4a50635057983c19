"""The queues that are compared, by name; each module imports its queue's packages when opened."""

from __future__ import annotations

from importlib import import_module

from benchmarks.contenders.base import Queue

_HERE = "benchmarks.contenders"
REFERENCE = "reference"
"""What ratios refer to; always measured."""
QUEUES = {
    REFERENCE: f"{_HERE}.reference:Reference",
    "tubeq": f"{_HERE}.tubeq_queue:Tubeq",
    "tubeq-next": f"{_HERE}.tubeq_queue:TubeqNext",
    "tubeq-batch": f"{_HERE}.tubeq_queue:TubeqBatch",
    "huey-storage": f"{_HERE}.sqlite_queues:HueyStorage",
    "huey": f"{_HERE}.sqlite_queues:HueyWhole",
    "litequeue": f"{_HERE}.sqlite_queues:Litequeue",
    "litequeue-0.9": f"{_HERE}.sqlite_queues:Litequeue09",
    "persist-queue": f"{_HERE}.sqlite_queues:PersistFifo",
    "persist-queue-ack": f"{_HERE}.sqlite_queues:PersistAck",
    "plainjob": f"{_HERE}.sqlite_queues:Plainjob",
    "postgres": f"{_HERE}.postgres_queues:ReferencePostgres",
    "procrastinate": f"{_HERE}.postgres_queues:Procrastinate",
    "pgqueuer": f"{_HERE}.postgres_queues:Pgqueuer",
    "awa-pg": f"{_HERE}.postgres_queues:AwaPg",
    "rq": f"{_HERE}.rq:Rq",
}


def load(place: str) -> type[Queue]:
    """The queue at "module:Class".

    Raises:
        ImportError, AttributeError: it does not exist.
    """
    module, _, name = place.partition(":")
    found: type[Queue] = getattr(import_module(module), name)
    return found
