"""Arguments that begin with "-": ids are taken as they are, the rest is refused with a way out."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Command
from tubeq.domain.models import Idea
from tubeq.queue.queue_manager import QueueManager

VIDEO_ID = "-abcdefghi0"


@pytest.mark.parametrize(
    "arguments",
    [
        [VIDEO_ID], ["--", VIDEO_ID], ["--json", VIDEO_ID], [VIDEO_ID, "--json"],
        ["--over", "7d", VIDEO_ID], ["--over=7d", VIDEO_ID, "--json"],
    ],
)  # fmt: skip
def test_an_id_is_an_id(tubeq: Command, queue: QueueManager, arguments: list[str]) -> None:
    queue._storage.store_results(queue.create_task("t"), [Idea(VIDEO_ID, "a film")])
    shown = tubeq("items", "show", *arguments)
    assert shown.exit_code == 0, shown
    assert VIDEO_ID in shown.out


def test_an_id_that_is_an_options_value_stays_one(tubeq: Command, queue: QueueManager) -> None:
    assert "'-1abcdefghi'" in tubeq.refused("items", "show", VIDEO_ID, "--over", "-1abcdefghi")


@pytest.mark.parametrize(
    ("arguments", "way_out"),
    [
        (["video", "-abcdefghi0x"], "video -- -abcdefghi0x"),
        (["video", "-x"], "video -- -x"),
        (["search", "-foo"], "search -- -foo"),
        (["playlist", "-foo"], "playlist -- -foo"),
        (["scrape", "-foo"], "scrape -- -foo"),
        (["show", "-foo"], "show -- -foo"),
        (["cancel", "-foo"], "cancel -- -foo"),
        (["export", "-x.csv"], "export -- -x.csv"),
        (["items", "show", "-foo"], "items show -- -foo"),
    ],
)
def test_what_could_be_an_option_gets_a_hint(
    tubeq: Command, arguments: list[str], way_out: str
) -> None:
    outcome = tubeq(*arguments)
    assert outcome.exit_code == 2
    words = " ".join(outcome.err.replace("│", " ").split())
    assert f"{way_out}`" in words


def test_a_mistyped_option_gets_the_right_one_instead(tubeq: Command) -> None:
    outcome = tubeq("playlist", "--max-resuls", "5")
    assert "--max-results" in outcome.err
    assert " -- " not in outcome.err


def test_a_value_that_is_missing_is_missing(tubeq: Command) -> None:
    outcome = tubeq("items", "show", VIDEO_ID, "--over")
    assert (outcome.exit_code, "--over" in outcome.err) == (2, True)


def test_words_behind_the_dashes_are_searched_for(tubeq: Command) -> None:
    assert "200" in tubeq.refused("search", "--max-results", "0", "--", "-foo")


def test_a_parameter_may_begin_so_too(tubeq: Command, queue: QueueManager) -> None:
    for arguments in (["-p", f"video={VIDEO_ID}"], ["--param", f"video={VIDEO_ID}"]):
        task_id = tubeq("add", "youtube_video", *arguments).out.strip()
        assert queue.get_task(task_id).parameters == {"video": VIDEO_ID}
