"""The lower floor: the same SQL through apsw, with the newest SQLite."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benchmarks.contenders import bare_sql as sql
from benchmarks.contenders.bare_sqlite3 import Sqlite3Floor


class ApswFloor(Sqlite3Floor):
    """As the floor of sqlite3; what Python can reach with a thinner driver."""

    name = "apsw"
    title = "floor: apsw"
    requirements = ("apsw==3.54.1.0",)
    packages = ("apsw",)

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        self._apsw: Any = import_module("apsw")
        self._connection: Any = self._apsw.Connection(place)
        self._connection.set_busy_timeout(30_000)
        self._execute = self._connection.execute
        self._execute("PRAGMA journal_mode = WAL")
        self._execute(f"PRAGMA synchronous = {sql.SYNCHRONOUS[durability]}")
        if create:
            self._execute(sql.SCHEMA)
        self.settings = f"WAL, synchronous {sql.SYNCHRONOUS[durability]}, BEGIN IMMEDIATE"

    def sqlite_version(self) -> list[str]:
        return [f"SQLite {self._apsw.sqlite_lib_version()}"]
