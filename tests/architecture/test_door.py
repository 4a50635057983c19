"""Workers, plugins and the command line reach a queue through QueueManager alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src" / "tubeq"
FOLDERS = ("cli", "plugins", "workers")
ALLOWED_IMPORTS = {
    # A database that cannot be opened as a queue, being damaged or missing:
    "tubeq.storage.diagnose", "tubeq.storage.engine", "tubeq.storage.restore",
}  # fmt: skip
ALLOWED_PACKAGE = "tubeq.storage.ports."
"""What verbs take and return."""


def _names(tree: ast.AST) -> Iterator[str]:
    """What the module reaches of a storage: an attribute of a queue, or an import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("storage", "_storage"):
            yield f".{node.attr} in line {node.lineno}"
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def _around(tree: ast.AST) -> set[str]:
    return {
        name
        for name in _names(tree)
        if name.startswith(".")
        or (
            f"{name}.".startswith("tubeq.storage.")
            and name not in ALLOWED_IMPORTS
            and not name.startswith(ALLOWED_PACKAGE)
        )
    }


def _found() -> set[tuple[str, str]]:
    return {
        (folder, name)
        for folder in FOLDERS
        for path in sorted((SOURCES / folder).rglob("*.py"))
        for name in _around(ast.parse(path.read_text("utf-8")))
    }


def test_nothing_reaches_around_the_door() -> None:
    assert _found() == set()


@pytest.mark.parametrize(
    ("code", "is_around"),
    [
        ("queue.storage.claim(request)", True),
        ("self.queue._storage.limits", True),
        ("from tubeq.storage.sqlite.storage import SQLiteStorage", True),
        ("from tubeq.storage import open_storage", True),
        ("import tubeq.storage", True),
        ("from tubeq.storage.ports.tasks import ClaimRequest", False),
        ("from tubeq.storage import restore", False),
        ("from tubeq.queue.queue_manager import QueueManager\nqueue.limits.pauses()", False),
    ],
)
def test_ways_around_are_seen(code: str, is_around: bool) -> None:
    assert bool(_around(ast.parse(code))) is is_around
