"""The commands that scrape at once, in real processes: what they print, and what they leave."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.command_line import Tubeq
from tubeq.cli.console import for_machines
from tubeq.domain.json_format import SCHEMA
from tubeq.domain.states import TaskStatus
from tubeq.testing.youtube import World, faults, problems

pytestmark = pytest.mark.integration
PLAYLIST_ID = "PL0123456789"
VIDEO_ID = "a-b_c0DEF12"


@pytest.fixture(autouse=True)
def scenery(world: World) -> None:
    world.channel("@lighthouse", 3, shorts=3, streams=3)
    world.playlist(PLAYLIST_ID, 5)
    world.query("tea & cake", 60)
    world.video(VIDEO_ID, title="A film [red] \x1b[31m", description="All about it.")


COMMANDS: dict[str, tuple[list[str], str, dict[str, Any], int]] = {
    "scrape": (
        ["scrape", "@lighthouse", "--tab", "streams", "--max-results", "2"],
        "youtube_channel",
        {"channel_url": "@lighthouse", "tab": "streams", "max_results": 2},
        2,
    ),
    "search": (
        ["search", "tea & cake", "--sort", "views", "--uploaded", "year", "--max-results", "25"],
        "youtube_search",
        {"query": "tea & cake", "sort": "views", "uploaded": "year", "max_results": 25},
        25,
    ),
    "playlist": (
        ["playlist", PLAYLIST_ID, "--max-results", "4"],
        "youtube_playlist",
        {"playlist": PLAYLIST_ID, "max_results": 4},
        4,
    ),
    "video": (["video", VIDEO_ID], "youtube_video", {"video": VIDEO_ID}, 1),
    "trending": (
        ["trending", "--substitute", "--query", "tea & cake", "--max-results", "2"],
        "youtube_trending",
        {"substitute": True, "query": "tea & cake", "max_results": 2},
        2,
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_what_is_stored(tubeq: Tubeq, name: str) -> None:
    arguments, task_type, parameters, count = COMMANDS[name]
    done = tubeq(*arguments, "--json")
    ideas = json.loads(done.stdout)
    assert len({idea["source_id"] for idea in ideas}) == count
    with tubeq.queue() as queue:
        (task,) = queue.list_tasks()
        stored = queue.get_task_results(task.task_id)
    assert (task.task_type, task.parameters) == (task_type, parameters)
    assert (task.status, task.retry_count) == (TaskStatus.COMPLETED, 0)
    told = [{"schema": SCHEMA, **for_machines(idea.as_dict())} for idea in stored]
    assert told == ideas
    assert task.task_id in done.stderr


def test_people_get_a_table_or_a_sheet(tubeq: Tubeq) -> None:
    assert "tea & cake: 2 ideas" in tubeq("search", "tea & cake", "--max-results", "2").stdout
    shown = tubeq("video", f"https://youtu.be/{VIDEO_ID}").stdout
    lines = {line.split()[0]: line.rstrip() for line in shown.splitlines() if line.strip()}
    assert lines["title"].endswith("A film [red] [31m")
    assert lines["description"].endswith("All about it.")
    assert {"likes", "tags", "channel", "published", "length", "views"} <= lines.keys()


def test_a_passing_failure_is_retried(tubeq: Tubeq, world: World) -> None:
    # yt-dlp asks a second time by itself before it gives up.
    world.fail(faults.http_error(503, retry_after_s=1), subject=PLAYLIST_ID, times=2)
    world.fail(faults.http_error(503), request="resolve", times=2)
    assert len(tubeq.json("playlist", PLAYLIST_ID)) == 5
    assert tubeq.tasks()[0].retry_count == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["trending"], "give --substitute"),
        (["video", "priv0000000"], "Private video"),
        (["playlist", "PLnone0123456789"], "does not exist"),
    ],
)
def test_what_cannot_be_had_says_why(
    tubeq: Tubeq, world: World, arguments: list[str], told: str
) -> None:
    world.video("priv0000000", problem=problems.PRIVATE)
    done = tubeq(*arguments, "--json", code=1)
    assert done.stdout == "[]\n"
    error, advice = done.stderr.splitlines()
    assert error.startswith("error: failed: ")
    assert told in error
    (task,) = tubeq.tasks()
    assert (task.status, task.retry_count) == (TaskStatus.FAILED, 0)
    assert f"tubeq worker --type {task.task_type}" in advice


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["search", "tea", "--max-results", "0"], "--max-results must be a whole number from 1 to"),
        (["search", "x" * 201], "query must be text of 1 to 200 characters"),
        (["playlist", "RDMM"], "no end"),
        (["video", "https://user:hunter2@www.youtube.com/watch?v=a-b_c0DEF12"], "video must be"),
        (["scrape", "@a", "--tab", "shorts", "--since", "2027-01-31"], "since goes with the tabs"),
    ],
)
def test_a_mistake_never_becomes_a_task(tubeq: Tubeq, arguments: list[str], named: str) -> None:
    refused = tubeq.refused(*arguments)
    assert named in refused
    assert "hunter2" not in refused
    assert list(tubeq.folder.iterdir()) == []
