"""The candidates of a run: which were asked for, which can run here, and where each keeps tasks."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders.base import DEFAULT, NORMAL, Adapter
from benchmarks.contenders.environments import CannotRun, Launch, prepare
from benchmarks.contenders.registry import ADAPTERS, load
from benchmarks.contenders.servers import Servers
from benchmarks.peers.plan import Plan

FLOOR_NAME = "sqlite3"
"""What ratios are to; always measured."""
OWN_NAMES = ("tubeq", "tubeq-next")


@dataclass
class Candidate:
    """One of those that are compared.

    Args:
        launch: how to start its driver; None where it cannot run.
        reason: why it cannot.
        version, settings: as its driver told them, settings by durability.
    """

    name: str
    adapter: type[Adapter]
    launch: Launch | None = None
    reason: str = ""
    version: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    def durability(self, wanted: str) -> str | None:
        """With which one it is opened where `wanted` is measured; None where it does not belong.

        Servers at their defaults belong to the main table.
        """
        if wanted in self.adapter.durabilities:
            return wanted
        return DEFAULT if wanted == NORMAL and DEFAULT in self.adapter.durabilities else None


@dataclass
class Session:
    """What the stages of a run share.

    Args:
        tell: called before each step with what comes.
    """

    plan: Plan
    candidates: Sequence[Candidate]
    servers: Servers
    folder: Path
    chance: random.Random
    tell: Callable[[str], None]

    @property
    def ready(self) -> list[Candidate]:
        """Those that can run."""
        return [each for each in self.candidates if each.launch is not None]

    @property
    def timed(self) -> list[Candidate]:
        """Those of them whose verbs are timed."""
        return [each for each in self.ready if not each.adapter.crash_only]

    @contextmanager
    def place(self, candidate: Candidate) -> Iterator[str]:
        """An empty place for its tasks; files are removed afterwards.

        Raises:
            CannotRun: its server is not to be had.
        """
        if candidate.adapter.server:
            server = candidate.adapter.server
            place = self.servers.place(server)
            try:
                yield place
            finally:
                self.servers.leave(server, place)
            return
        folder = Path(tempfile.mkdtemp(prefix=f"{candidate.name}-", dir=self.folder))
        try:
            yield str(folder / "queue.db")
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def choose(names: Sequence[str], known: Mapping[str, str] = ADAPTERS) -> dict[str, str]:
    """By name, where the adapters are: of these names, the floor with them; of none, all.

    Raises:
        ValueError: there is no such candidate; the message names those that there are.
    """
    for name in names:
        if name not in known:
            raise ValueError(f"there is no candidate {name!r}: choose from {', '.join(known)}")
    wanted = {FLOOR_NAME, *names} if names else set(known)
    return {name: place for name, place in known.items() if name in wanted}


def prepare_all(
    chosen: Mapping[str, str], tell: Callable[[str], None], extra_path: Path | None = None
) -> list[Candidate]:
    """Install what each needs; one that cannot be installed says why."""
    found = []
    for name, place in chosen.items():
        tell(f"installing {name}")
        candidate = Candidate(name, load(place))
        try:
            candidate.launch = prepare(candidate.adapter, place, extra_path)
        except CannotRun as error:
            candidate.reason = str(error)
        found.append(candidate)
    return found
