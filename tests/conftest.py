"""What every suite shares: a clock that tests move by hand, both back ends, real scraping."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tubeq.domain.boot import Boot
from tubeq.storage import Storage, open_storage

BACK_ENDS = ("memory", "sqlite")
BOOT = Boot("host-1", "boot-1")


class FakeClock:
    """Time stands still until a test moves it: both of its readings, or the wall clock's alone."""

    def __init__(
        self, epoch_s: float = 1_800_000_000.0, uptime_s: float = 5000.0, boot: Boot | None = BOOT
    ) -> None:
        self._now = epoch_s
        self._uptime_s = uptime_s
        self._boot = boot

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._uptime_s

    def boot(self) -> Boot | None:
        return self._boot

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._uptime_s += seconds

    def jump(self, seconds: float) -> None:
        """A user, or a time server, sets the wall clock."""
        self._now += seconds


OpenBackEnd = Callable[[str], Storage]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def open_back_end(tmp_path: Path, clock: FakeClock) -> Iterator[OpenBackEnd]:
    """Opens a back end by name on the test's clock, and closes it after the test. Opening
    "sqlite" twice gives two handles on one file."""
    opened: list[Storage] = []

    def open_it(back_end: str) -> Storage:
        target = {"memory": ":memory:", "sqlite": tmp_path / "queue.db"}[back_end]
        opened.append(open_storage(target, clock=clock))
        return opened[-1]

    yield open_it
    for storage in opened:
        storage.close()


@pytest.fixture(params=BACK_ENDS)
def storage(request: pytest.FixtureRequest, open_back_end: OpenBackEnd) -> Storage:
    """Each back end in turn: what a test says of it, it says of the port."""
    return open_back_end(request.param)


def pytest_configure() -> None:
    # A shell that starts the tests in the background lets them ignore SIGINT, and every process
    # that they start would inherit that: Ctrl-C could not be tested.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real-scraping",
        action="store_true",
        help="scrape YouTube itself instead of its stand-in (needs a network, slow)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--real-scraping"):
        return
    needs_option = pytest.mark.skip(reason="needs the network: give --real-scraping")
    for item in items:
        if item.get_closest_marker("requires_network"):
            item.add_marker(needs_option)
