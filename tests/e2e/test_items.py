"""From YouTube's pages to items: real yt-dlp, real processes, a formula of another package."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import environment_of, run
from tests.e2e.conftest import Scrape
from tubeq.domain.items import finer_count
from tubeq.testing.youtube import SimulatedYouTube, World

pytestmark = pytest.mark.integration


def test_a_listing_names_the_channel_it_was_asked_for(scrape: Scrape, world: World) -> None:
    world.channel("@Lighthouse2", 2)
    for idea in scrape("youtube_channel", channel_url="@Lighthouse2"):
        assert idea.extra["handle"] == "@Lighthouse2"


def test_what_a_videos_page_told_outlives_listings(
    tmp_path: Path, youtube: SimulatedYouTube, world: World
) -> None:
    environment = environment_of(youtube)

    def tubeq(*arguments: str) -> Any:
        done = run(*arguments, "--json", cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    (video, *_) = world.channel("@keeper", 3).videos
    tubeq("scrape", "@keeper")
    tubeq("video", video.video_id)
    tubeq("scrape", "@keeper", "--max-results", "5")
    item = tubeq("items", "show", video.video_id)
    assert item["views"] == video.views  # not as the listing cuts it
    assert (item["description"], item["likes"]) == (video.description, video.likes)
    assert item["times_seen"] == 3
    assert item["handle"] == "@keeper"
    assert finer_count(video.views, item["counts"][0]["views"]) == video.views
    listed = tubeq("items", "--channel", "@KEEPER", "--search", video.title.split()[0])
    assert video.video_id in [each["source_id"] for each in listed]
    tubeq("db", "prune", "--yes", "--older-than", "0s")
    assert tubeq("items", "show", video.video_id)["times_seen"] == 3


def install_scoring(folder: Path, name: str, code: str) -> None:
    """A package with one formula, as an installer leaves it."""
    (folder / f"scoring_{name}.py").write_text(code, "utf-8")
    info = folder / f"scoring_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: scoring-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tubeq.scoring]\n{name} = scoring_{name}:score\n")


def test_scores_by_the_formula_of_another_package(
    tmp_path: Path, youtube: SimulatedYouTube, world: World
) -> None:
    world.channel("@keeper", 3)
    packages = tmp_path / "packages"
    packages.mkdir()
    install_scoring(packages, "flat", "def score(facts): return 7 if facts.views else 8")
    install_scoring(packages, "broken", "def score(facts): return 1 / 0")
    environment = environment_of(youtube)
    environment["PYTHONPATH"] = os.pathsep.join([str(packages), environment["PYTHONPATH"]])

    def scrape(scoring: str) -> Any:
        told = {**environment, "TUBEQ_SCORING": scoring}
        return run("scrape", "@keeper", "--json", cwd=tmp_path, env=told)

    assert {idea["score"] for idea in json.loads(scrape("flat").stdout)} == {7.0}
    failed = scrape("broken")
    assert failed.returncode == 1
    (task, _) = json.loads(run("tasks", "--json", cwd=tmp_path, env=environment).stdout)
    assert (task["status"], task["error_code"]) == ("FAILED", "scoring_failed")
    assert "ZeroDivisionError" in task["error_message"]
    assert task["retry_count"] == 0
    mistyped = scrape("flatt")
    assert mistyped.returncode == 2
    assert "there are: broken, flat, standard" in mistyped.stderr
