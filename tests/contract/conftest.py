"""What most of the contract begins with."""

from __future__ import annotations

import pytest

from tests.contract.support import held
from tubeq.domain.models import Task
from tubeq.storage import Storage


@pytest.fixture(params=[False, True], ids=["CLAIMED", "RUNNING"])
def claim(request: pytest.FixtureRequest, storage: Storage) -> Task:
    """A new task in a worker's hands, in each state in which it may be there."""
    return held(storage, start=request.param)
