"""What the user has set, read once: environment over `tubeq.toml` over defaults.

`tubeq.toml`, in the folder in which a command starts, holds the names of `Settings` as they are;
the environment holds them in capitals behind `TUBEQ_`: `db_path` is `TUBEQ_DB_PATH`, or `TUBEQ_DB`
for short. The file needs Python 3.11, or the package tomli: on a Python 3.10 without it the file is
refused, never passed over in silence.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.held_files import retried
from tubeq.domain.numbers import MAX_BUSY_TIMEOUT_S, MAX_SPAN_S, shown
from tubeq.domain.policies import Durability

FILE_NAME = "tubeq.toml"
_PREFIX = "TUBEQ_"
_SHORT_NAMES = {"TUBEQ_DB": "db_path"}
TRACEBACK = "TUBEQ_TRACEBACK"
"""Where it is set, the command line shows where an unforeseen error came from."""
_OF_TESTS = "TUBEQ_WITHOUT_FUTEX"  # see storage/sqlite/file/futex.py


class Settings(NamedTuple):
    """The choices that commands share. An option of a command overrides them.

    Args:
        db_path: the database file.
        durability: what is on the disk when a call returns: full, balanced or fast.
        busy_timeout_s: how long a write waits for other writers.
        proxy: URL of the proxy for scraping; None for what HTTPS_PROXY says.
        ca_file: certificate authorities to trust, instead of the machine's; None for what
            SSL_CERT_FILE says.
        cookies_file: cookies for scraping, in Netscape's format; only read. None for none.
        socket_timeout_s: longest wait for YouTube to send anything.
        deadline_s: longest time for all requests of one scrape.
        max_retries: the failure with this number is final.
        backoff_s: the first retry waits up to this long, each further one up to twice as long.
        lease_s: how long a task stays with a worker that gives no sign of life.
        task_timeout_s: a task that takes longer is ended, and retried; each time that it saves it
            has as long again.
        breaker_pause_s: how long no task of a type begins after YouTube said "too many
            requests"; twice as long each further time in a row; 0 is never.
        scoring: the formula by which videos are scored: see tubeq.plugins.scoring.
    """

    db_path: Path = Path("tubeq.db")
    durability: Durability = Durability.BALANCED
    busy_timeout_s: float = 30.0
    proxy: str | None = None
    ca_file: Path | None = None
    cookies_file: Path | None = None
    socket_timeout_s: float = 10.0
    deadline_s: float = 300.0
    max_retries: int = 3
    backoff_s: float = 5.0
    lease_s: float = 60.0
    task_timeout_s: float = 600.0
    breaker_pause_s: float = 600.0
    scoring: str | None = None

    @classmethod
    def read(
        cls, environment: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> Settings:
        """The settings as they are now.

        Args:
            environment: instead of the process's own.
            folder: where `tubeq.toml` is looked for, instead of the current one.

        Raises:
            InvalidParameters: a value is wrong, or the file is; the message says which and where.
            StorageBusy: another program holds the file.
        """
        values = _from_file((folder or Path()) / FILE_NAME)
        values.update(_from_environment(os.environ if environment is None else environment))
        return cls(**values)

    def worker_environment(self) -> dict[str, str]:
        """The variables by which workers, and yt-dlp in them, learn how to reach YouTube, and how
        to score.

        Raises:
            InvalidParameters: it cannot be reached so: a file is missing, a proxy is none; or no
                such scoring is installed.
        """
        from tubeq.plugins.youtube.access import Access  # which takes ssl along

        access = Access(
            self.proxy, self.ca_file, self.cookies_file, self.socket_timeout_s, self.deadline_s
        )
        variables = access.environment()
        if self.scoring is not None:
            from tubeq.plugins.scoring import VARIABLE, checked_scoring

            variables[VARIABLE] = checked_scoring(self.scoring)
        return variables


_NAMES = Settings._fields


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A line for each variable that looks like a setting and is none, such as a mistyped one.

    No reason to refuse anything: plugins may have variables of their own.
    """
    names = (_PREFIX + name.upper() for name in _NAMES)
    known = [*_SHORT_NAMES, *names, TRACEBACK, _OF_TESTS]
    return [
        f"{each:.60} is ignored: tubeq has no such setting{_meant(each, known)}"
        for each in sorted(environment)
        if each.startswith(_PREFIX) and each not in known
    ]


def _meant(name: str, known: Sequence[str]) -> str:
    """A hint at the name that is most alike; that all begin alike says nothing."""
    import difflib

    by_rest = {each.removeprefix(_PREFIX): each for each in known}
    rest = name.removeprefix(_PREFIX)
    close = difflib.get_close_matches(rest, list(by_rest), 1)
    close = close or [each for each in by_rest if each.startswith(f"{rest}_")]
    return f", did you mean {by_rest[close[0]]}?" if close else ""


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    variables = {**_SHORT_NAMES, **{_PREFIX + name.upper(): name for name in _NAMES}}
    for variable, name in variables.items():
        if environment.get(variable):
            values[name] = _checked(name, environment[variable], variable)
    return values


def _from_file(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        return {}
    if not path.is_file():
        raise InvalidParameters(f"{FILE_NAME} is not a file, or a link to nothing")
    toml = _toml_reader(path)
    try:
        # Windows' editors begin with what "-sig" passes over.
        table = toml.loads(retried(lambda: path.read_text("utf-8-sig"), path))
    except UnicodeDecodeError:
        raise InvalidParameters(f"{FILE_NAME} cannot be read: it is not UTF-8 text") from None
    except (OSError, ValueError) as error:  # a TOMLDecodeError is a ValueError
        raise InvalidParameters(f"{FILE_NAME} cannot be read: {error}") from None
    for unknown in sorted(table.keys() - set(_NAMES)):
        if isinstance(table[unknown], dict):
            raise InvalidParameters(
                f"{FILE_NAME}: settings stand by themselves, not in a table [{unknown:.60}]"
            )
        raise InvalidParameters(
            f"{FILE_NAME}: there is no setting {unknown!r:.60}{_meant(unknown, _NAMES)}; "
            f"choose from {', '.join(_NAMES)}"
        )
    return {name: _checked(name, value, f"{FILE_NAME}: {name}") for name, value in table.items()}


def _toml_reader(path: Path) -> Any:
    for module in ("tomllib", "tomli"):
        with suppress(ImportError):
            return importlib.import_module(module)
    raise InvalidParameters(
        f"{path.name} cannot be read by this Python: use Python 3.11 or later, install tomli, or "
        "set TUBEQ_* environment variables instead of the file"
    )


def _checked(name: str, value: Any, origin: str) -> Any:
    """The value as Settings holds it.

    Raises:
        InvalidParameters: the value is wrong; the message has `origin`.
    """
    if name in ("db_path", "ca_file", "cookies_file", "proxy", "durability", "scoring"):
        if not isinstance(value, str) or not value:
            given = "" if name == "proxy" else f", not {value!r:.60}"  # it may hold a password
            raise InvalidParameters(f"{origin} must be a string{given}")
        if name in ("proxy", "scoring"):
            return value
        if name == "durability":
            try:
                return Durability(value)
            except InvalidParameters as error:
                raise InvalidParameters(f"{origin}: {error}") from None
        try:
            return Path(value).expanduser()
        except RuntimeError:  # "~" without a home
            raise InvalidParameters(
                f"{origin}: there is no home folder for {value!r:.60}"
            ) from None
    whole = name == "max_retries"
    positive = name in ("socket_timeout_s", "deadline_s")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    most = MAX_BUSY_TIMEOUT_S if name == "busy_timeout_s" else MAX_SPAN_S
    refused = isinstance(value, bool) or not 0 <= number <= most
    if refused or (whole and number % 1) or (positive and not number):
        kind = "a whole number from 0 up" if whole else "a number of seconds from 0 up"
        kind = "a number of seconds above 0" if positive else kind
        raise InvalidParameters(f"{origin} must be {kind}, not {shown(value)}")
    return int(number) if whole else number
