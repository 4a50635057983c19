"""Names that moved still lead to the new ones, with a warning that says which."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path

import pytest

from tubeq import QueueManager
from tubeq.plugins.base import permit
from tubeq.queue.deprecated import QUEUE_MANAGER

CHANGELOG = Path(__file__).parents[3] / "CHANGELOG.md"


@pytest.mark.parametrize(("old", "new"), QUEUE_MANAGER.items())
def test_an_old_name_of_the_queue_is_the_new_one(old: str, new: str) -> None:
    with QueueManager(":memory:") as queue:
        with pytest.warns(DeprecationWarning, match=f"QueueManager.{old} is now") as seen:
            assert getattr(queue, old) == attrgetter(new)(queue)
        assert new in str(seen[0].message) or new == "_storage"
        assert seen[0].filename == __file__


def test_the_changelog_names_every_old_name() -> None:
    text = CHANGELOG.read_text("utf-8")
    deprecated = text.split("### Deprecated", 1)[1].split("###", 1)[0]
    for old, new in QUEUE_MANAGER.items():
        assert f"`{old}`" in deprecated
        assert f"`{new}`" in deprecated or new == "_storage"


def test_a_permit_is_a_slot() -> None:
    with pytest.warns(DeprecationWarning, match="permit is now slot"), permit("host:a"):
        pass
