"""Reads the named statements of the .sql files."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from string import Template


@cache
def load_queries(backend: str, file: str = "queries") -> dict[str, str]:
    """Statements by name, comments dropped and references between them filled in.

    `$pick` and `$change` are left in place: the claims module fills them in.

    Args:
        backend: the package under tubeq.storage with the folder sql.
        file: the name of the file in it, without ".sql": there is one for each subject.
    """
    text = (Path(__file__).parent / backend / "sql" / f"{file}.sql").read_text("utf-8")
    _, *parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    queries: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2]):
        lines = (line for line in body.splitlines() if not line.lstrip().startswith("--"))
        queries[name] = Template(" ".join(" ".join(lines).split())).safe_substitute(queries)
    return queries
