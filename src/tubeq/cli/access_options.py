"""Options that say how YouTube is reached, of the commands that scrape."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from tubeq.cli.options import span_s
from tubeq.domain.errors import InvalidParameters

ProxyOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Proxy; others see a password here: use TUBEQ_PROXY."),
]
CaFileOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Certificate authorities to trust, PEM.")
]
CookiesFileOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Cookies, Netscape format; only read.")
]
SocketTimeoutOption = Annotated[
    str | None, typer.Option(metavar="SPAN", help="Longest wait for YouTube to send anything.")
]
DeadlineOption = Annotated[
    str | None, typer.Option(metavar="SPAN", help="Longest time for one scrape's requests.")
]

OPTIONS: dict[str, Any] = {
    "proxy": ProxyOption,
    "ca_file": CaFileOption,
    "cookies_file": CookiesFileOption,
    "socket_timeout": SocketTimeoutOption,
    "deadline": DeadlineOption,
}
"""By the name of the function's parameter; all have None as their default."""


AccessOptions = Mapping[str, Any] | None
"""What they say over the settings, for `read_settings`."""


def overrides(given: dict[str, Any]) -> dict[str, Any]:
    """Take OPTIONS out of a command's arguments: what they say over the settings.

    Raises:
        InvalidParameters: a span is none, or no time at all.
    """
    proxy, ca_file, cookies_file, socket_timeout, deadline = map(given.pop, OPTIONS)
    return {
        "proxy": proxy,
        "ca_file": ca_file,
        "cookies_file": cookies_file,
        "socket_timeout_s": _positive_s("--socket-timeout", socket_timeout),
        "deadline_s": _positive_s("--deadline", deadline),
    }


def with_access_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options, in the place of its parameter `access`."""

    @wraps(command)
    def with_options(**given: Any) -> None:
        access = overrides(given)
        command(**given, access=access)

    hints = get_type_hints(command, include_extras=True)
    parameters = []
    for name, each in inspect.signature(command).parameters.items():
        if name == "access":
            parameters += option_parameters()
        else:
            parameters.append(each.replace(annotation=hints[name], kind=each.KEYWORD_ONLY))
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def option_parameters() -> list[inspect.Parameter]:
    """OPTIONS as parameters of a function."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(name, keyword, default=None, annotation=option)
        for name, option in OPTIONS.items()
    ]


def _positive_s(name: str, span: str | None) -> float | None:
    seconds = None if span is None else span_s(span)
    if seconds == 0:
        raise InvalidParameters(f"{name} must be longer than nothing")
    return seconds
