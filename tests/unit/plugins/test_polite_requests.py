"""When a request's slot is taken and given back, without any network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tubeq.plugins.base import running
from tubeq.plugins.youtube.request_slots import RequestSlots


class Limits:
    """Grants at once, and knows what is held."""

    def __init__(self) -> None:
        self.held: list[str] = []

    @contextmanager
    def slot(self, keys: Sequence[str], check: Callable[[], None]) -> Iterator[None]:
        self.held += keys
        try:
            yield
        finally:
            for key in keys:
                self.held.remove(key)


@pytest.fixture
def limits() -> Iterator[Limits]:
    limits = Limits()
    with running(limiter=limits):
        yield limits


def opener(requests: RequestSlots) -> Callable[[Any], Any]:
    def urlopen(request: Any) -> Any:
        if "broken" in getattr(request, "url", request):
            raise ConnectionError(request)
        return SimpleNamespace(close=lambda: None)

    return lambda request: requests.send(urlopen, request)


def test_it_is_held_until_the_answer_is_closed(limits: Limits) -> None:
    answer = opener(RequestSlots(lambda: None))("https://WWW.example.com:443/a?b")
    assert limits.held == ["host:www.example.com"]
    answer.close()
    assert limits.held == []
    answer.close()


def test_an_earlier_answer_that_is_closed_late_gives_back_its_own_only(limits: Limits) -> None:
    open_politely = opener(RequestSlots(lambda: None))
    first = open_politely(SimpleNamespace(url="https://one.example/"))
    second = open_politely(SimpleNamespace(url="https://two.example/"))
    assert limits.held == ["host:two.example"]  # the client makes one request at a time
    first.close()
    assert limits.held == ["host:two.example"]
    second.close()
    assert limits.held == []


def test_a_request_that_fails_gives_it_back_at_the_end_of_the_call(limits: Limits) -> None:
    requests = RequestSlots(lambda: None)
    with pytest.raises(ConnectionError):
        opener(requests)("https://broken.example/")
    assert limits.held == ["host:broken.example"]  # an error's answer may yet be read
    requests.end()
    requests.end()
    assert limits.held == []
