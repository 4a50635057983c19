"""From YouTube's pages to items: real yt-dlp, real processes, a formula of another package."""

from __future__ import annotations

import pytest

from tests.e2e.command_line import Tubeq
from tests.e2e.conftest import Scrape
from tests.e2e.installed_plugins import install
from tubeq.domain.items import finer_count
from tubeq.testing.youtube import World

pytestmark = pytest.mark.integration


def test_a_listing_names_the_channel_it_was_asked_for(scrape: Scrape, world: World) -> None:
    world.channel("@Lighthouse2", 2)
    for idea in scrape("youtube_channel", channel_url="@Lighthouse2"):
        assert idea.extra["handle"] == "@Lighthouse2"


def test_what_a_videos_page_told_outlives_listings(tubeq: Tubeq, world: World) -> None:
    (video, *_) = world.channel("@keeper", 3).videos
    tubeq.json("scrape", "@keeper")
    tubeq.json("video", video.video_id)
    tubeq.json("scrape", "@keeper", "--max-results", "5")
    item = tubeq.json("items", "show", video.video_id)
    assert item["views"] == video.views  # not as the listing cuts it
    assert (item["description"], item["likes"]) == (video.description, video.likes)
    assert item["times_seen"] == 3
    assert item["handle"] == "@keeper"
    assert finer_count(video.views, item["counts"][0]["views"]) == video.views
    listed = tubeq.json("items", "--channel", "@KEEPER", "--search", video.title.split()[0])
    assert video.video_id in [each["source_id"] for each in listed]
    tubeq.json("db", "prune", "--yes", "--older-than", "0s")
    assert tubeq.json("items", "show", video.video_id)["times_seen"] == 3


FORMULAS = """
    def flat(facts):
        return 7 if facts.views else 8

    def broken(facts):
        return 1 / 0
"""


def test_scores_by_the_formula_of_another_package(tubeq: Tubeq, world: World) -> None:
    world.channel("@keeper", 3)
    names = {name: f"test_plugins:{name}" for name in ("flat", "broken")}
    tubeq.env = install(tubeq.folder, tubeq.env, FORMULAS, {"tubeq.scoring": names})
    ideas = tubeq.json("scrape", "@keeper", TUBEQ_SCORING="flat")
    assert {idea["score"] for idea in ideas} == {7.0}
    tubeq("scrape", "@keeper", "--json", code=1, TUBEQ_SCORING="broken")
    (task, _) = tubeq.json("tasks")
    assert (task["status"], task["error_code"]) == ("FAILED", "scoring_failed")
    assert "ZeroDivisionError" in task["error_message"]
    assert task["retry_count"] == 0
    mistyped = tubeq("scrape", "@keeper", "--json", code=2, TUBEQ_SCORING="flatt")
    assert "there are: broken, flat, standard" in mistyped.stderr
