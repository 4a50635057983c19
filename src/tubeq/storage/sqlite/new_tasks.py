"""How new tasks are put into the table: one by one, or many with one statement.

Due tasks have a statement of their own: without it, a task takes 1.08x and a hundred 1.25x as long
(`python -m tests.plans.mechanisms`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from tubeq.domain.models import EncodedTask
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.session import Session

_SQL = load_queries("sqlite")
_ROWS_AT_ONCE = 100
_INSERT_MANY = {
    insert: _SQL[insert] + f", {_SQL[values]}" * (_ROWS_AT_ONCE - 1)
    for insert, values in (("insert_task", "task_values"), ("insert_due", "due_values"))
}


def new_rows(
    tasks: Sequence[EncodedTask], task_ids: Sequence[str], now: float, at: str
) -> tuple[str, list[tuple[Any, ...]], bool]:
    """The statement that inserts the tasks, its parameters for each, and whether any has a key."""
    named = zip(task_ids, tasks)
    if all(due is None and key is None for _, _, _, due, key in tasks):
        plain = [(task_id, *task[:3], at) for task_id, task in named]
        return "insert_due", plain, False
    rows = [
        (task_id, kind, parameters, priority, at, due, due is not None and due > now, key)
        for task_id, (kind, parameters, priority, due, key) in named
    ]
    return "insert_task", rows, any(row[-1] for row in rows)


def insert_rows(session: Session, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert tasks, many with one statement: that takes less than half the time of one statement
    each."""
    whole = len(rows) - len(rows) % _ROWS_AT_ONCE
    for start in range(0, whole, _ROWS_AT_ONCE):
        session.execute(_INSERT_MANY[name], [*chain(*rows[start : start + _ROWS_AT_ONCE])])
    if whole < len(rows):
        session.executemany(_SQL[name], rows[whole:])


def insert_keyed_rows(
    session: Session, name: str, rows: Sequence[tuple[Any, ...]], task_ids: list[str]
) -> None:
    """Insert the tasks whose idempotency key, their last column, is not stored yet. Where it is,
    the id of the task that has it replaces the new one in `task_ids`."""
    for position, row in enumerate(rows):
        key = row[-1]
        known = key and session.execute(_SQL["task_id_of_key"], (key,)).fetchone()
        if known:
            task_ids[position] = known[0]
        else:
            session.execute(_SQL[name], row)
