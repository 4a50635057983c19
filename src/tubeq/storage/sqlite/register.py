"""The register of workers in a SQLite queue."""

from __future__ import annotations

from tubeq.storage.ports.tasks import WorkerInfo
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.session import Session

_SQL = load_queries("sqlite")


def register(session: Session, info: WorkerInfo) -> None:
    """See Storage.register_worker."""
    session.write_one(_SQL["register_worker"], info, durable=False)


def seen(session: Session, worker_id: str, now: float) -> bool:
    """See Storage.worker_seen."""
    rows, _ = session.write_one(
        _SQL["worker_seen"], {"worker_id": worker_id, "now": now}, durable=False
    )
    return bool(rows and rows[0][0])


def forget(session: Session, worker_id: str) -> None:
    """See Storage.forget_worker."""
    session.write_one(_SQL["forget_worker"], {"worker_id": worker_id}, durable=False)


def request_stop(session: Session, worker_id: str | None, *, durable: bool) -> int:
    """See Storage.request_stop."""
    with session.write(durable=durable) as writing:
        return writing.execute(_SQL["request_stop"], {"worker_id": worker_id}).rowcount


def workers(session: Session) -> list[WorkerInfo]:
    """See Storage.workers."""
    return [
        WorkerInfo._make((*others, bool(stop))) for *others, stop in session.read(_SQL["workers"])
    ]
