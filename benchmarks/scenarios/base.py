"""What a scenario is: one workload, the same for the tests, pytest-benchmark, asv and the gate.

Only the standard library and tubeq's public names are used here and in every scenario, because
today's scenarios also run against yesterday's package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any


class Profile(str, Enum):
    """How much of a scenario is run: seconds in the tests, a minute by hand, or all night."""

    SMOKE = "smoke"
    REGULAR = "regular"
    LARGE = "large"

    __str__ = str.__str__


@dataclass
class Sample:
    """What one run of a scenario gave.

    Args:
        latencies_s: seconds of each call, raw, in order; empty where a call means nothing.
        elapsed_s: seconds of the whole timed part.
        operations: how many tasks (or calls) it dealt with; throughput is operations / elapsed_s.
        values: other figures by name, unit last, such as "memory_mb"; lower is better.
    """

    latencies_s: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0
    operations: int = 0
    values: Mapping[str, float] = field(default_factory=dict)


class Scenario:
    """One workload. Stateless: what a run needs is in the state that `prepare` returns.

    `prepare` and `check` are never timed; `run` may be called many times on one state and times
    nothing but the workload itself.
    """

    name: str
    """Lower case, parts joined by '-': "claim-lifo-1e3"."""
    calls: Mapping[Profile, int]
    """How many calls a sample of each profile has."""
    batch: int = 200
    """How many calls a batch of the gate's has; 0 where the gate has no use for the scenario."""

    def prepare(self, folder: Path, profile: Profile) -> Any:
        """Make what the run needs, in an empty folder of its own."""
        raise NotImplementedError  # pragma: no cover

    def run(self, state: Any, calls: int) -> Sample:
        """Do `calls` calls and time them. What was used up is put back, untimed."""
        raise NotImplementedError  # pragma: no cover

    def check(self, state: Any) -> None:
        """Raise AssertionError unless the work was done right."""
        raise NotImplementedError  # pragma: no cover

    def close(self, state: Any) -> None:
        """Let go of what `prepare` opened."""
