"""The queues that are compared, by name; each module imports its queue's packages when opened."""

from __future__ import annotations

from importlib import import_module

from benchmarks.peers.adapter import Adapter

_HERE = "benchmarks.peers.adapters"
ADAPTERS = {
    "sqlite3": f"{_HERE}.floor_sqlite3:Sqlite3Floor",
    "apsw": f"{_HERE}.floor_apsw:ApswFloor",
    "tubeq": f"{_HERE}.tubeq_queue:Tubeq",
    "tubeq-next": f"{_HERE}.tubeq_queue:TubeqNext",
    "tubeq-batch": f"{_HERE}.tubeq_queue:TubeqBatch",
    "huey-storage": f"{_HERE}.huey_queue:HueyStorage",
    "huey": f"{_HERE}.huey_queue:HueyWhole",
    "litequeue": f"{_HERE}.litequeue_queue:Litequeue",
    "litequeue-0.9": f"{_HERE}.litequeue_queue:Litequeue09",
    "persist-queue": f"{_HERE}.persist_queue:PersistFifo",
    "persist-queue-ack": f"{_HERE}.persist_queue:PersistAck",
    "plainjob": f"{_HERE}.plainjob_queue:Plainjob",
    "postgres": f"{_HERE}.raw_postgres:RawPostgres",
    "procrastinate": f"{_HERE}.procrastinate_queue:Procrastinate",
    "pgqueuer": f"{_HERE}.pgqueuer_queue:Pgqueuer",
    "rq": f"{_HERE}.rq_queue:Rq",
}


def load(place: str) -> type[Adapter]:
    """The adapter at "module:Class".

    Raises:
        ImportError, AttributeError: there is none.
    """
    module, _, name = place.partition(":")
    adapter: type[Adapter] = getattr(import_module(module), name)
    return adapter
