"""How YouTube is reached: settings of the plugin, else of the environment.

The environment, because that is how settings reach a worker's process. A task's parameters never
contain any of them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tubeq.domain.errors import InvalidParameters
from tubeq.plugins.youtube.cookies import read_cookies, values_of
from tubeq.plugins.youtube.network import check_ca_file, check_proxy

SOCKET_TIMEOUT_S = 10.0
DEADLINE_S = 300.0
_COOKIES, _SOCKET_TIMEOUT, _DEADLINE = (
    "TUBEQ_COOKIES_FILE", "TUBEQ_SOCKET_TIMEOUT_S", "TUBEQ_DEADLINE_S",
)  # fmt: skip


@dataclass(frozen=True)
class Access:
    """How YouTube is reached.

    Args:
        proxy: URL of a proxy; "" for none; None for what HTTPS_PROXY and NO_PROXY say.
        ca_file: PEM file of certificate authorities to trust besides the usual ones.
        cookies_file: cookies in Netscape's format; only read, and only YouTube's are used.
        socket_timeout_s: longest wait for a server to connect, or to send anything.
        deadline_s: longest time for one call, all its requests together.

    Raises:
        InvalidParameters: a value cannot be used; the message says why, without its secrets.
    """

    proxy: str | None = None
    ca_file: str | os.PathLike[str] | None = None
    cookies_file: str | os.PathLike[str] | None = None
    socket_timeout_s: float = SOCKET_TIMEOUT_S
    deadline_s: float = DEADLINE_S

    @classmethod
    def of(
        cls,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        cookies_file: str | os.PathLike[str] | None = None,
        socket_timeout_s: float | None = None,
        deadline_s: float | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> Access:
        """The same; None leaves a value to TUBEQ_COOKIES_FILE, TUBEQ_SOCKET_TIMEOUT_S and
        TUBEQ_DEADLINE_S, or else to the default."""
        return cls(
            proxy,
            ca_file,
            environment.get(_COOKIES) or None if cookies_file is None else cookies_file,
            _seconds(socket_timeout_s, environment, _SOCKET_TIMEOUT, SOCKET_TIMEOUT_S),
            _seconds(deadline_s, environment, _DEADLINE, DEADLINE_S),
        )

    def __post_init__(self) -> None:
        check_proxy(self.proxy)
        if self.ca_file is not None:
            check_ca_file(self.ca_file)
        self.cookies()
        if not (0 < self.socket_timeout_s < math.inf and 0 < self.deadline_s < math.inf):
            raise InvalidParameters("socket_timeout_s and deadline_s must be positive")

    def cookies(self) -> str | None:
        """YouTube's cookies in the file as it is now: it may have been renewed.

        Raises:
            InvalidParameters: see `read_cookies`.
        """
        return None if self.cookies_file is None else read_cookies(self.cookies_file)

    def environment(self) -> dict[str, str]:
        """The variables by which another process reaches YouTube in the same way, absolute paths
        in them."""
        seconds = {_SOCKET_TIMEOUT: self.socket_timeout_s, _DEADLINE: self.deadline_s}
        variables = {name: repr(float(value)) for name, value in seconds.items()}
        if self.proxy is not None:
            variables.update(HTTPS_PROXY=self.proxy, https_proxy=self.proxy)
        if self.ca_file is not None:
            variables["SSL_CERT_FILE"] = str(Path(self.ca_file).absolute())
        if self.cookies_file is not None:
            variables[_COOKIES] = str(Path(self.cookies_file).absolute())
        return variables

    def secrets(self, cookies: str | None) -> set[str]:
        """What must not appear in messages: the passwords of proxies, quoted and unquoted, and
        these cookies."""
        import urllib.request  # imported only for scraping: it takes 30 ms

        proxies = [self.proxy, *urllib.request.getproxies().values()]
        found: set[str] = set()
        for proxy in filter(None, proxies):
            userinfo, at, _ = proxy.rpartition("//")[2].rpartition("@")
            found |= {userinfo, userinfo.partition(":")[2]} if at else set()
        forms = {form for each in found if each for form in (each, unquote(each))}
        return forms | (values_of(cookies) if cookies else set())


def _seconds(
    given: float | None, environment: Mapping[str, str], name: str, default: float
) -> float:
    if given is not None:
        return given
    if not environment.get(name):
        return default
    try:
        return float(environment[name])
    except ValueError:
        raise InvalidParameters(f"{name} must be a number of seconds") from None
