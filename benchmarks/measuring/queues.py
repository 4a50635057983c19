"""The queues of a comparison: which can run here, where each keeps its tasks, their processes."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders.base import DEFAULT, FULL, NORMAL, QUEUES, REFERENCE, Queue, load
from benchmarks.contenders.environments import CannotRun, Launch, prepare
from benchmarks.contenders.servers import Servers
from benchmarks.measuring.process import Process, actor_command

_DRIVER = "benchmarks.measuring.driver:Driver"
LEASE_S = 600.0
"""Long enough that no lease expires while something is timed."""


@dataclass(frozen=True)
class Plan:
    """Sizes of a run; seconds and counts."""

    depths: Sequence[int] = (1_000, 100_000)  # how many tasks are queued while one process is timed
    rounds: int = 9  # how often each queue is measured at a depth
    calls: int = 200  # of each verb in a round, at most
    round_s: float = 0.4  # a slow queue has fewer calls, so that they take about so long
    batches: int = 15  # of lifecycles in a round, at most
    batch_round_s: float = 0.15  # as round_s, of batches
    fill_budget_s: float = 120.0  # then a queue counts as not to be filled
    queue_budget_s: float = 30.0  # a queue slower than that at a depth gets three rounds at least
    processes: Sequence[int] = (1, 4, 8)  # how many claim and complete at once
    work_s: float = 1.0  # for how long they do
    contention_rounds: int = 3
    most_filled: int = 90_000  # tasks that wait for them
    crash_tasks: int = 2_000  # of the run with SIGKILL
    crash_workers: int = 4
    kills: int = 10
    task_s: float = 0.002  # what a task's work takes in it
    recovery_wait_s: float = 75.0  # how long a recovery that is known to be due is waited for
    durabilities: Sequence[str] = (NORMAL, FULL)


REGULAR = Plan()
QUICK = Plan(
    depths=(1_000,), rounds=2, calls=50, round_s=0.1, batch_round_s=0.05, fill_budget_s=10.0,
    queue_budget_s=5.0, processes=(1, 4), work_s=0.2, contention_rounds=1, most_filled=12_000,
    crash_tasks=400, kills=3, task_s=0.001, recovery_wait_s=2.0, durabilities=(NORMAL,),
)  # fmt: skip
"""A check that all of it works; its figures say little."""


@dataclass
class Peer:
    """One of the queues that are compared."""

    name: str
    place: str  # "module:Class" of it
    queue: type[Queue]
    launch: Launch | None = None  # how to start its driver; None where it cannot run
    reason: str = ""  # why it cannot
    version: str = ""  # as its driver says
    settings: dict[str, str] = field(default_factory=dict)  # likewise, by durability

    def durability(self, wanted: str) -> str | None:
        """With which one it is opened where `wanted` is measured; None where it has no part there.

        Servers are measured once, at their defaults.
        """
        if wanted in self.queue.durabilities:
            return wanted
        return DEFAULT if wanted == NORMAL and DEFAULT in self.queue.durabilities else None

    def start(self) -> Process:
        """Start its driver; ProcessFailed if it cannot be."""
        assert self.launch is not None
        command = list(self.launch.command)
        if not self.queue.script:
            command = actor_command(_DRIVER, self.place, python=command[0])
        folder, environment = self.launch.folder, self.launch.environment
        return Process(command, name=self.name, folder=folder, environment=environment)

    def open(
        self, process: Process, wanted: str, place: str, *, create: bool, lease_s: float = LEASE_S
    ) -> None:
        """Open its queue in a driver, where durability `wanted` is measured; note what that says.
        ProcessFailed if it cannot be opened."""
        durability = self.durability(wanted) or ""
        answer = process.ask(
            "open", place=place, durability=durability, create=create, lease_s=lease_s
        )
        self.version = answer["version"]
        self.settings[durability] = answer["settings"]


@dataclass
class Session:
    """What the stages of a run share; `say` is called before each step with what comes."""

    plan: Plan
    peers: Sequence[Peer]
    servers: Servers
    folder: Path
    chance: random.Random
    say: Callable[[str], None]

    @property
    def ready(self) -> list[Peer]:
        """Those that can run."""
        return [each for each in self.peers if each.launch is not None]

    def timed(self, durability: str) -> dict[str, Peer]:
        """By name, those whose verbs are timed at a durability."""
        fitting = [each for each in self.ready if each.durability(durability) is not None]
        return {each.name: each for each in fitting if not each.queue.crash_only}

    def order(self, names: Sequence[str], rounds: int) -> list[list[str]]:
        """Every name once in each round, each round in a random order of its own."""
        return [self.chance.sample(names, len(names)) for _ in range(rounds)]

    @contextmanager
    def place(self, peer: Peer) -> Iterator[str]:
        """An empty place for its tasks, removed afterwards; CannotRun if its server cannot."""
        if server := peer.queue.server:
            place = self.servers.place(server)
            try:
                yield place
            finally:
                self.servers.leave(server, place)
            return
        with tempfile.TemporaryDirectory(
            prefix=f"{peer.name}-", dir=self.folder, ignore_cleanup_errors=True
        ) as folder:
            yield str(Path(folder) / "queue.db")


def choose(names: Sequence[str]) -> dict[str, str]:
    """By name, where the queues are: of these names, the reference with them; of none, all.
    ValueError, which names those that there are, if one is unknown."""
    for name in names:
        if name not in QUEUES:
            raise ValueError(f"there is no queue {name!r}: choose from {', '.join(QUEUES)}")
    wanted = {REFERENCE, *(names or QUEUES)}
    return {name: place for name, place in QUEUES.items() if name in wanted}


def prepare_all(
    chosen: Mapping[str, str], say: Callable[[str], None], extra_path: Path | None = None
) -> list[Peer]:
    """Install what each needs; one that cannot be installed says why."""
    found = []
    for name, place in chosen.items():
        say(f"installing {name}")
        peer = Peer(name, place, load(place))
        found.append(peer)
        try:
            peer.launch = prepare(peer.queue, extra_path)
        except CannotRun as error:
            peer.reason = str(error)
    return found
