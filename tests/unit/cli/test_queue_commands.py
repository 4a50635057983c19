"""Looking at the queue and steering it, for people and for machines."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.support import claimed
from tests.unit.cli.conftest import Command
from tubeq.domain.models import Idea
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager

TYPE = "youtube_channel"
HOSTILE = '=HYPERLINK("x")\x1b[2J [red]\u202e,"\n日本'


@pytest.fixture
def task_id(queue: QueueManager) -> str:
    """A completed task with two ideas, after one failure."""
    claim = queue.start_task(claimed(queue, TYPE, "worker-1", parameters={"channel_url": "@a"}))
    queue.fail_task(claim, "HTTP 503", code="server")
    again = queue.claim_next_task(TYPE, "worker-1")
    assert again is not None
    ideas = [
        {"source_id": "v1", "title": HOSTILE, "score": 75.5, "views": 1200, "duration_s": 61},
        {"source_id": "v2", "title": "two", "score": 5.0, "url": "https://example.org", "more": 1},
    ]
    queue.complete_task(queue.start_task(again), ideas, {"ideas_count": 2})
    return claim.task_id


def test_tasks_pages_through_newest_first(tubeq: Command, queue: QueueManager) -> None:
    task_ids = [queue.create_task(TYPE, {"n": n}) for n in range(5)]
    first = tubeq("tasks", "--limit", "2")
    assert f"--before {task_ids[3]}" in first.err
    page = tubeq("tasks", "--limit", "2", "--before", task_ids[3], "--json")
    assert page.ids == [task_ids[2], task_ids[1]]


def test_tasks_are_filtered(tubeq: Command, queue: QueueManager, task_id: str) -> None:
    queue.create_task("other_type")
    for arguments in (("--status", "completed"), ("--type", TYPE), ("--status", "COMPLETED")):
        assert tubeq("tasks", *arguments, "--json").ids == [task_id]
    assert tubeq("tasks", "--status", "failed", "--json").json == []
    assert tubeq("tasks", "--status", "failed").err == "no such tasks\n"


def test_show_tells_the_whole_story(tubeq: Command, task_id: str) -> None:
    told = tubeq("show", task_id, "--json").json
    events = ["created", "claimed", "started", "retried", "claimed", "started", "completed"]
    assert [entry["event"] for entry in told["history"]] == events
    assert (told["status"], told["ideas_count"], told["retry_count"]) == ("COMPLETED", 2, 1)
    drawn = tubeq("show", task_id).out
    for words in (task_id, "COMPLETED", "retried", "HTTP 503", "worker-1"):
        assert words in drawn


def test_a_part_of_an_id_is_enough_unless_several_have_it(
    tubeq: Command, queue: QueueManager
) -> None:
    task_ids = [queue.create_task(TYPE) for _ in range(3)]
    told = tubeq("show", task_ids[0][-7:], "--json").json
    assert told["task_id"] == task_ids[0]
    assert "several" in tubeq.refused("show", task_ids[0][:4])
    assert "no task" in tubeq.refused("show", "zzzzzzz")
    assert "no task" in tubeq.refused("show", task_ids[0][-3:])


def test_results_as_table_json_and_csv(tubeq: Command, task_id: str) -> None:
    ideas = tubeq("results", task_id, "--json").json
    assert ideas == tubeq("results", "--format", "json").json
    extras = [(idea["source_id"], idea["extra"]) for idea in ideas]
    assert extras == [("v1", {}), ("v2", {"more": 1})]
    printed = tubeq("results", "--format", "csv", "--raw").out
    rows = list(csv.DictReader(io.StringIO(printed, newline="")))
    assert [row["title"] for row in rows] == [idea["title"] for idea in ideas] == [HOSTILE, "two"]
    drawn = tubeq("results", task_id).out
    assert "1,200" in drawn
    assert "\\x1b[2J [red]\\u202e" in drawn
    assert not {"\x1b", "\u202e"} & set(drawn)
    assert len(tubeq("results", "--limit", "1", "--json").json) == 1


def test_both_commands_write_the_same_csv(tubeq: Command, queue: QueueManager) -> None:
    idea = Idea("-abcdefghi0", "=1+1", "@text", url="https://youtu.be/-abcdefghi0",
                extra={"handle": "@handle"})  # fmt: skip
    queue._storage.store_results(queue.create_task(TYPE), [idea])
    for raw, title in (([], "'=1+1"), (["--raw"], "=1+1")):
        printed = tubeq("results", "--format", "csv", *raw).out
        exported = tubeq("export", "-", "--what", "results", "--format", "csv", *raw).out
        for text in (printed, exported):
            (row,) = csv.DictReader(io.StringIO(text, newline=""))
            assert (row["source_id"], row["title"]) == ("-abcdefghi0", title)
            assert row["extra"] == '{"handle": "@handle"}'
    assert "--format csv" in tubeq.refused("results", "--raw")
    assert "goes with CSV" in tubeq.refused("export", "-", "--raw")


def test_no_results_is_no_error(tubeq: Command, queue: QueueManager) -> None:
    task_id = queue.create_task(TYPE)
    assert tubeq("results", task_id, "--json").json == []
    assert tubeq("results").err == "no ideas are stored\n"
    assert tubeq("results", "--format", "csv").out.startswith("task_id,source_id,title")


def test_cancel_and_requeue(tubeq: Command, queue: QueueManager, task_id: str) -> None:
    queued, running = queue.create_task(TYPE), queue.create_task(TYPE)
    queue.update_task_status(running, TaskStatus.CLAIMED, worker_id="worker-2")
    outcome = tubeq("cancel", queued, running)
    assert outcome.out.splitlines() == [
        f"{queued} is CANCELLED",
        f"{running} is CLAIMED: its worker will end it",
    ]
    again = tubeq("requeue", queued, task_id, "--json")
    assert again.ids == [queued, task_id]
    assert {task["status"] for task in again.json} == {"QUEUED"}


def test_what_cannot_be_steered_is_named_and_the_rest_is_done(
    tubeq: Command, queue: QueueManager, task_id: str
) -> None:
    queued = queue.create_task(TYPE)
    outcome = tubeq("cancel", task_id, queued, "--json")
    assert outcome.exit_code == 2
    assert "COMPLETED" in outcome.err
    assert outcome.ids == [queued]
    assert queue.get_task(task_id).status is TaskStatus.COMPLETED


def test_a_mistyped_id_among_many_changes_nothing(tubeq: Command, queue: QueueManager) -> None:
    queued = queue.create_task(TYPE)
    assert "no task" in tubeq.refused("cancel", queued, "mistyped")
    assert queue.get_task(queued).status is TaskStatus.QUEUED


def test_stats(tubeq: Command, queue: QueueManager, task_id: str) -> None:
    queue.fail_task(claimed(queue, "other_type"), "no", code="bot_check", permanent=True)
    counts = tubeq("stats", "--json").json
    none = dict.fromkeys(map(str, TaskStatus), 0)
    assert counts["by_status"] == {**none, "COMPLETED": 1, "FAILED": 1}
    assert counts["errors"] == {"bot_check": 1}
    drawn = tubeq("stats").out
    for words in ("other_type", "all", "bot_check", "2 ideas", "none is due"):
        assert words in drawn


def test_json_is_all_that_is_on_stdout(tubeq: Command, task_id: str) -> None:
    for command in (
        ["tasks"], ["show", task_id], ["results"], ["stats"], ["workers"], ["stop"], ["doctor"],
        ["db", "check"], ["db", "migrate"], ["db", "prune", "--yes", "--older-than", "1d"],
        ["requeue", task_id], ["cancel", task_id],
    ):  # fmt: skip
        outcome = tubeq(*command, "--json")
        assert outcome.exit_code == 0, command
        assert outcome.err == "", command
        json.loads(outcome.out)


@pytest.fixture
def failed(queue: QueueManager) -> dict[str, list[str]]:
    """Failed tasks by the code for which they failed; one more waits for its retry."""
    found: dict[str, list[str]] = {}
    for code in ("private", "bot_check", "bot_check"):
        task = queue.fail_task(claimed(queue, TYPE), "no", code=code, permanent=True)
        found.setdefault(code, []).append(task.task_id)
    waiting = queue.fail_task(claimed(queue, TYPE), "later", code="bot_check", retry_after_s=3600)
    return {**found, "waiting": [waiting.task_id]}


def test_tasks_by_their_error(
    tubeq: Command, queue: QueueManager, failed: dict[str, list[str]]
) -> None:
    queue.create_task(TYPE)
    found = tubeq("tasks", "--error", "bot_check", "--json").ids
    assert found == [*failed["bot_check"], *failed["waiting"]][::-1]
    found = tubeq("tasks", "--error", "bot_check", "--status", "failed", "--json").ids
    assert found == failed["bot_check"][::-1]
    assert tubeq("tasks", "--error", "nothing").err == "no such tasks\n"


def test_requeue_by_error(
    tubeq: Command,
    queue: QueueManager,
    failed: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tubeq.cli.tasks._PAGE", 1)
    done = tubeq("requeue", "--error", "bot_check", "--json")
    assert done.ids == failed["bot_check"][::-1]
    assert {(task["status"], task["error_code"]) for task in done.json} == {("QUEUED", None)}
    assert queue.get_task(failed["private"][0]).status is TaskStatus.FAILED
    assert queue.get_task(failed["waiting"][0]).error_code == "bot_check"
    assert tubeq("requeue", "--error", "private").err == "1 task requeued\n"
    assert tubeq("requeue", "--error", "private").err == "no such tasks\n"


def test_requeue_wants_to_know_what(tubeq: Command, queue: QueueManager) -> None:
    task_id = queue.create_task(TYPE)
    for arguments in ([], [task_id, "--error", "private"]):
        assert "--error CODE" in tubeq.refused("requeue", *arguments)
