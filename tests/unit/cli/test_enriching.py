"""How far a listing's videos are, as the commands tell it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import claimed
from tests.unit.cli.conftest import Command
from tubeq import ChildTask, Progress, QueueManager
from tubeq.cli.enriching import words_of
from tubeq.domain.states import TaskStatus


def progress(errors: dict[str, int] | None = None, **by_status: int) -> Progress:
    none = dict.fromkeys(map(str, TaskStatus), 0)
    return Progress({**none, **by_status}, errors or {})


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (progress(), "0 of 0 enriched"),
        (progress(COMPLETED=500), "500 of 500 enriched"),
        (
            progress({"private": 10, "http_429": 2}, COMPLETED=480, FAILED=12, QUEUED=8),
            "480 of 500 enriched, 12 failed: 10 private, 2 http_429; 8 to go",
        ),
        (progress(CANCELLED=1_200, RUNNING=1), "0 of 1,201 enriched; 1,200 cancelled; 1 to go"),
        (
            progress(dict.fromkeys("abcdef", 1), FAILED=6),
            "0 of 6 enriched, 6 failed: 1 a, 1 b, 1 c, 1 d, 2 other reasons",
        ),
    ],
)
def test_progress_in_words(told: Progress, words: str) -> None:
    assert words_of(told) == words


@pytest.fixture
def parent(queue: QueueManager) -> str:
    """A listing that made three tasks, of which one failed and one is done."""
    claim = claimed(queue, "youtube_channel", parameters={"channel_url": "@tea"})
    ideas = [{"source_id": each, "title": f"flat {each}"} for each in "abc"]
    tasks = [ChildTask(each, "youtube_video", {"video": each}) for each in "abc"]
    queue.save_progress(claim, ideas, tasks)
    queue.complete_task(claim)
    failed, done = queue.claim_tasks("youtube_video", "worker-1", 2, "fifo")
    queue.fail_task(failed, "it is private", code="private", permanent=True)
    queue.complete_task(done, [{"source_id": "b", "title": "full b"}])
    return claim.task_id


def test_show_and_tasks_tell_of_children_and_parents(tubeq: Command, parent: str) -> None:
    shown = tubeq("show", parent, "--json").json
    assert shown["children"]["errors"] == {"private": 1}
    assert (shown["children"]["total"], shown["children"]["open"]) == (3, 1)
    assert shown["ideas_count"] == 3
    assert "1 of 3 enriched, 1 failed: 1 private; 1 to go" in tubeq("show", parent).out
    listed: list[dict[str, Any]] = tubeq("tasks", "--json").json
    assert [task.get("parent") for task in listed] == [parent] * 3 + [None]
    assert listed[-1]["children"]["total"] == 3
    assert "1 of 3 enriched" in tubeq("tasks").out
    shown_child = tubeq("show", listed[0]["task_id"]).out
    (made_by,) = (line for line in shown_child.splitlines() if "created by" in line)
    assert parent in made_by


def test_tasks_without_relatives_are_told_of_as_ever(tubeq: Command, queue: QueueManager) -> None:
    queue.create_task("youtube_video", {"video": "a"})
    (task,) = tubeq("tasks", "--json").json
    assert not {"parent", "children"} & task.keys()
    assert "children" not in tubeq("tasks").out


def test_results_are_flat_or_the_childrens(tubeq: Command, parent: str) -> None:
    flat = tubeq("results", parent, "--json").json
    assert [idea["title"] for idea in flat] == ["flat a", "flat b", "flat c"]
    (full,) = tubeq("results", parent, "--children", "--json").json
    assert full["title"] == "full b"
    assert "needs a TASK_ID" in tubeq.refused("results", "--children")


def test_cancelling_a_listing_that_is_done_cancels_its_videos(tubeq: Command, parent: str) -> None:
    assert tubeq("cancel", parent).exit_code == 0
    assert "1 cancelled" in tubeq("show", parent).out
    assert "COMPLETED" in tubeq.refused("cancel", parent)


def test_a_worker_may_be_told_several_types(tubeq: Command, queue: QueueManager) -> None:
    arguments = ("worker", "--type", "youtube_video", "--type", "nothing", "--until-idle")
    assert "nothing" in tubeq.refused(*arguments)
