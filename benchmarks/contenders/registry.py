"""The queues that are compared, by name; each module imports its queue's packages when opened."""

from __future__ import annotations

from importlib import import_module

from benchmarks.contenders.base import Queue

_HERE = "benchmarks.contenders"
REFERENCE = "reference"
"""What ratios are to; always measured."""
QUEUES = {
    REFERENCE: f"{_HERE}.reference:Reference",
    "tubeq": f"{_HERE}.tubeq_queue:Tubeq",
    "tubeq-next": f"{_HERE}.tubeq_queue:TubeqNext",
    "tubeq-batch": f"{_HERE}.tubeq_queue:TubeqBatch",
    "huey-storage": f"{_HERE}.huey:HueyStorage",
    "huey": f"{_HERE}.huey:HueyWhole",
    "litequeue": f"{_HERE}.litequeue:Litequeue",
    "litequeue-0.9": f"{_HERE}.litequeue:Litequeue09",
    "persist-queue": f"{_HERE}.persist_queue:PersistFifo",
    "persist-queue-ack": f"{_HERE}.persist_queue:PersistAck",
    "plainjob": f"{_HERE}.plainjob:Plainjob",
    "postgres": f"{_HERE}.reference_postgres:ReferencePostgres",
    "procrastinate": f"{_HERE}.procrastinate:Procrastinate",
    "pgqueuer": f"{_HERE}.pgqueuer:Pgqueuer",
    "awa-pg": f"{_HERE}.awa_pg:AwaPg",
    "rq": f"{_HERE}.rq:Rq",
}


def load(place: str) -> type[Queue]:
    """The queue at "module:Class".

    Raises:
        ImportError, AttributeError: there is none.
    """
    module, _, name = place.partition(":")
    found: type[Queue] = getattr(import_module(module), name)
    return found
