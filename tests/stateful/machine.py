"""What the machines share: both back ends on one clock, and how what they say is compared."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine

from tests.conftest import FakeClock
from tubeq.domain.errors import TubeqError
from tubeq.domain.policies import Durability
from tubeq.storage import Storage, open_storage

Verb = Callable[[int, Storage], Any]
SETTINGS = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize="CI" in os.environ,
    phases=[phase for phase in Phase if phase is not Phase.explain],  # slow, and tells nothing here
    suppress_health_check=[HealthCheck.too_slow],
)


class BothBackEnds(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.folder = tempfile.TemporaryDirectory()
        self.storages: list[Storage] = [
            # FAST: what is fsynced when is not what these tests ask.
            open_storage(target, clock=self.clock, durability=Durability.FAST)
            for target in (":memory:", Path(self.folder.name) / "queue.db")
        ]

    def teardown(self) -> None:
        for storage in self.storages:
            storage.close()
        self.folder.cleanup()

    def outcomes(self, verb: Verb) -> list[Any]:
        """What the model and SQLite say: a value, or the class of the error that they raise."""
        outcomes: list[Any] = []
        for side, storage in enumerate(self.storages):
            try:
                outcomes.append(verb(side, storage))
            except TubeqError as error:
                outcomes.append(type(error))
        return outcomes
