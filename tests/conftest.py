"""What every suite shares: a clock that tests move by hand, both back ends, which tests are slow,
which have the machine to themselves, real scraping."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tubeq.domain.boot import Boot
from tubeq.domain.clock import Clock
from tubeq.storage import Storage, open_storage

from .machine import part_of_the_machine
from .windows import left_out

BACK_ENDS = ("memory", "sqlite")
BOOT = Boot("host-1", "boot-1")
TESTS = Path(__file__).parent
# Of real processes and measurements. A file of these is done by one process, and its fixtures are
# made once.
SLOW_FOLDERS = ("e2e", "lab")
# What measures time or shares of the machine: no other test runs meanwhile.
ALONE = (
    "integration/test_performance.py",
    "integration/test_seed_examples.py",
    "lab/test_instructions.py",  # a claim looks for due tasks each 0.1 s: load adds instructions
    "lab/test_peers.py",
    "lab/test_pytest_benchmark.py",
)


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


OpenBackEnd = Callable[..., Storage]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def open_back_end(tmp_path: Path, clock: FakeClock) -> Iterator[OpenBackEnd]:
    """Opens a back end by name, on the test's clock or another, and closes it after the test.
    Opening "sqlite" twice gives two handles on one file."""
    opened: list[Storage] = []

    def open_it(back_end: str, clock: Clock = clock) -> Storage:
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


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        # A pytest that a test starts is no part of this run, and has one process.
        os.environ.pop("PYTEST_XDIST_WORKER", None)
        os.environ["PYTEST_XDIST_AUTO_NUM_WORKERS"] = "0"
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


def has_the_machine(item: pytest.Item) -> bool:
    return any(item.path == TESTS / name for name in ALONE)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    needs_option = pytest.mark.skip(reason="needs the network: give --real-scraping")
    for item in items:
        if any((TESTS / folder) in item.path.parents for folder in SLOW_FOLDERS):
            item.add_marker("slow")
        if item.get_closest_marker("requires_network") and not config.getoption("--real-scraping"):
            item.add_marker(needs_option)
    if sys.platform == "win32":
        left_out.mark(items)
    else:
        items[:] = [item for item in items if not item.get_closest_marker("windows")]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A slow file to one process, any other test to whichever is free; files come first."""
    if config.getoption("--dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file.split("/")[1] in SLOW_FOLDERS else nodeid

    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # the time limit of a test begins when it may run
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test of `ALONE` waits for those of other processes, and they wait for it."""
    workerinput: dict[str, Any] | None = getattr(item.config, "workerinput", None)
    if workerinput is None:
        return (yield)
    process = int(workerinput["workerid"].removeprefix("gw"))
    with part_of_the_machine(process, alone=has_the_machine(item)):
        return (yield)
