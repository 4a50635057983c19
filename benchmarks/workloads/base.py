"""What a workload is: the same for the tests, pytest-benchmark, asv and the gate.

Only the standard library and tubeq's public names are used here and in every workload, because
today's workloads also run against yesterday's package. tubeq itself is imported when a workload is
prepared: listing the workloads needs no package at all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

from benchmarks.common.project import LAB

TASK_TYPE = "benchmark"
PARAMETERS = {"channel_url": "@some_channel_or_other", "max_results": 50, "note": "x" * 60}
IDEA = {"source_id": "video-1", "title": "A video about a lighthouse", "score": 42.0}
COMPLETION = ("storage.ports.tasks:Completion", "storage.port:Completion")
CLAIM_REQUEST = ("storage.ports.tasks:ClaimRequest", "storage.port:ClaimRequest")
"""Where the measured package has them, the newest location first."""
_BULK = 1000
Call = Callable[[], object]

opens: Callable[..., Any] | None = None
"""Opens a queue in place of the package's QueueManager: the process that runs workloads on the
bare reference (contenders/reference_sqlite.py) sets it."""


class Lacks(NotImplementedError):
    """The measured package has no such API, usually because it is older: the workload is skipped,
    by asv too, whose `setup` skips for a NotImplementedError."""


class Profile(str, Enum):
    """How much of a workload is run: seconds in the tests, a minute by hand, or all night."""

    SMOKE = "smoke"
    REGULAR = "regular"
    LARGE = "large"

    __str__ = str.__str__


@dataclass
class Sample:
    """The result of one run of a workload."""

    latencies_s: list[float] = field(default_factory=list)  # of each call, in order; may be empty
    elapsed_s: float = 0.0  # of the whole timed part
    operations: int = 0  # tasks (or calls) processed; throughput is operations / elapsed_s
    # Other figures by name, unit last, such as "memory_mb"; lower is better.
    values: Mapping[str, float] = field(default_factory=dict)

    def add(self, part: Sample) -> None:
        """Add the sample of a further stretch of the same run; its values replace older ones."""
        self.latencies_s += part.latencies_s
        self.elapsed_s += part.elapsed_s
        self.operations += part.operations
        self.values = {**self.values, **part.values}


class State(SimpleNamespace):
    """What a run needs: `folder`, `profile`, `resources` (an ExitStack), the `queue` in the file
    `path`, what `begin` adds; and for `check` what was `held`, and how many tasks are `done`."""


class Workload:
    """One workload. Stateless: what a run needs is in the state that `prepare` returns.

    Callers use `prepare`, `run` as often as they like, `check` and `close`. A workload defines
    `call`, which `work` times, or `work` itself, and `restore`, which puts back what it used up.
    A `durability`, if given, is that of its queue and part of the name.
    """

    name: str  # lower case, parts joined by "-": "claim-lifo-1e3"
    verbs: tuple[str, ...] = ()  # what its queue must have; without any no queue is opened
    settings: Mapping[str, Any] = {}  # with which that is opened
    calls: Mapping[Profile, int]  # how many calls a sample of each profile has
    batch: int = 200  # calls in a batch of the gate; 0 where the gate does not use it
    at_once: int = 1_000_000_000  # calls that `work` can do before it needs `restore`
    size: int = 1  # tasks that a call processes: throughput counts these
    from_profile = Profile.SMOKE  # the smallest that includes it when no workload is named
    figures: tuple[str, ...] = ()  # the names of its sample's `values`
    # For how many calls counters are taken; 0 where they are not meaningful: several processes or
    # threads, or not the same work each time.
    counted_calls: int = 100
    # Whether it also runs on the bare reference, so that its time can be a ratio to that; and how
    # many calls a batch then has, where the gate does not use it, since waiting differs too much
    # from process to process.
    has_reference: bool = False
    reference_batch: int = 0

    def __init__(self, durability: str | None = None) -> None:
        if durability:
            self.name = f"{self.name}-{durability}"
            self.settings = {"durability": durability}

    def prepare(self, folder: Path, profile: Profile) -> Any:
        """Prepare what the run needs, in an empty folder of its own; Lacks where the measured
        package has no API for it."""
        state = State(folder=folder, path=folder / "queue.db", profile=profile, held=[], done=0)
        state.resources = ExitStack()
        if not state.path.exists():
            self.stock(folder, profile)
        try:
            if self.verbs:
                state.queue = open_queue(state.path, *self.verbs, **self.settings)
                state.resources.callback(state.queue.close)
            self.begin(state)
        except BaseException:
            state.resources.close()
            raise
        return state

    def begin(self, state: Any) -> None:
        """Fill the queue, and add to the state."""

    def stock(self, folder: Path, profile: Profile) -> None:
        """Fill the queue's file for `prepare` in an empty folder, where that takes long; nothing
        stays open. A copy serves each process that measures, instead of filling again."""

    def run(self, state: Any, calls: int) -> Sample:
        """Do `calls` calls and time them. What was used up is put back, untimed."""
        sample = Sample()
        for first in range(0, calls, self.at_once):
            count = min(self.at_once, calls - first)
            sample.add(self.work(state, count))
            self.restore(state, count)
        return sample

    def work(self, state: Any, calls: int) -> Sample:
        """Do `calls` calls, at most `at_once`, and time them: nothing but the workload."""
        sample = each_timed(self.call(state), calls, self.before(state))
        sample.operations *= self.size
        if isinstance(state, State):  # as `prepare` makes it by default
            state.done += sample.operations
        return sample

    def call(self, state: Any) -> Call:
        """The function that a call executes."""
        raise NotImplementedError  # pragma: no cover

    def before(self, state: Any) -> Call | None:
        """The function executed before each call, untimed."""
        return None

    def restore(self, state: Any, calls: int) -> None:
        """Put back what `calls` calls of `work` used up."""

    def check(self, state: Any) -> None:
        """Raise AssertionError unless the work was done correctly."""
        raise NotImplementedError  # pragma: no cover

    def close(self, state: Any) -> None:
        """Close what `prepare` opened."""
        if isinstance(state, State):
            state.resources.close()


def sizes(smoke: int, regular: int, large: int) -> Mapping[Profile, int]:
    """How many calls each profile has."""
    return dict(zip(Profile, (smoke, regular, large)))


def each_timed(call: Call, calls: int, before: Call | None = None) -> Sample:
    """Call that many times in sequence, each timed separately; `before` each, untimed."""
    latencies: list[float] = []
    append = latencies.append
    for _ in range(calls):
        if before:
            before()
        began = perf_counter()
        call()
        append(perf_counter() - began)
    return Sample(latencies, sum(latencies), calls)


def public(*places: str) -> Any:
    """A public name of the measured package: "NewTask", or "workers.runner:Runner"; first where it
    is, then where it was in older packages. Lacks where it is in none of these places."""
    why = ""
    for place in places:
        module, _, name = place.rpartition(":")
        try:
            return getattr(import_module(f"tubeq.{module}".rstrip(".")), name)
        except (ImportError, AttributeError) as error:
            why = str(error)
    raise Lacks(f"this tubeq has no {places[0]}: {why}")


def verb_of(queue: Any, *names: str) -> Any:
    """A verb, or a part, of an open queue: "maintenance.prune"; by its name, then by its names in
    older packages. Lacks where it has none of these."""
    for name in names:
        with suppress(AttributeError):
            return attrgetter(name)(queue)
    raise Lacks(f"this tubeq's queue has no {names[0]}")


def open_queue(path: Path, *verbs: str, **settings: Any) -> Any:
    """A QueueManager that has these verbs, or the bare reference; Lacks where this package's has no
    such verb, or takes no such setting."""
    manager = opens or public("QueueManager")
    missing = [verb for verb in verbs if not hasattr(manager, verb)]
    if missing:
        raise Lacks(f"this tubeq's QueueManager has no {', '.join(missing)}")
    try:
        return manager(path, **settings)
    except TypeError as error:
        raise Lacks(f"this tubeq's QueueManager is opened otherwise: {error}") from error


def fill(queue: Any, count: int) -> None:
    """Create that many tasks of priorities 1 to 9, in batches."""
    if opens is not None:
        queue.fill(count)
        return
    new_task = public("NewTask")
    for first in range(0, count, _BULK):
        size = min(_BULK, count - first)
        queue.create_tasks(new_task(TASK_TYPE, PARAMETERS, 1 + each % 9) for each in range(size))


def complete(queue: Any, claims: Iterable[Any]) -> None:
    """Complete claimed tasks together, each with one result."""
    completion = public(*COMPLETION)
    queue.complete_tasks(completion(claim, [IDEA]) for claim in claims)


def statuses(queue: Any) -> dict[str, int]:
    """How many tasks are in each status, empty ones left out."""
    return {str(status): count for status, count in queue.stats().by_status.items() if count}


def check_completed(queue: Any, done: int, **others: int) -> None:
    """Raise AssertionError unless that many tasks are completed, each with one result, and the only
    others are as many as given by status."""
    wanted = {"COMPLETED": done, **others}
    found = statuses(queue)
    assert found == {status: count for status, count in wanted.items() if count}, found
    assert queue.stats().results == done, "a result was lost, or written twice"


def run_python(*arguments: str) -> str:
    """The output of another Python process of this environment, which can import `benchmarks`;
    RuntimeError with the end of what it wrote where it failed."""
    path = os.pathsep.join(filter(None, (str(LAB), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, *arguments], env={**os.environ, "PYTHONPATH": path}, capture_output=True,
        encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        what = f"{' '.join(arguments):.200} failed with {done.returncode}"
        raise RuntimeError(f"{what}: {done.stderr[-2000:].strip()}")
    return done.stdout
