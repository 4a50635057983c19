"""List flat, then enrich: with real processes, and with some of them killed."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest

from tests.e2e.enrich_soak import Soak
from tests.support import until
from tubeq.testing.youtube import problems


def make_private(channel, world, *places):
    for place in places:
        world.video(channel.videos[place].video_id, problem=problems.PRIVATE)


def test_a_channel_is_listed_and_enriched_by_one_command(tubeq, world):
    channel = world.channel("@tea", 12)
    make_private(channel, world, 3, 8)
    done = tubeq("scrape", "@tea", "--enrich", "--json")
    told = json.loads(done.stdout)
    assert [idea["source_id"] for idea in told["ideas"]] == [v.video_id for v in channel.videos]
    likes = {idea["source_id"]: idea["extra"].get("likes") for idea in told["ideas"]}
    assert sum(each is not None for each in likes.values()) == 10
    assert told["children"]["errors"] == {"private": 2}
    assert "10 of 12 enriched, 2 failed: 2 private" in done.stderr
    shown = tubeq.json("show", told["task_id"])
    assert shown["children"]["by_status"]["COMPLETED"] == 10
    assert shown["ideas_count"] == 12
    assert "2 private" in tubeq("show", told["task_id"]).stdout
    assert "10 of 12 enriched" in tubeq("tasks").stdout
    listed = tubeq.json("tasks", "--limit", "50")
    assert {task.get("parent") for task in listed} == {None, told["task_id"]}
    assert len(tubeq.json("results", told["task_id"], "--children")) == 10
    tubeq("results", "--children", code=2)


def test_queued_listings_are_done_by_one_worker_of_both_types(tubeq, world):
    world.playlist("PLtea0123456789", 8)
    world.query("tea", 6)
    tubeq.add("youtube_playlist", playlist="PLtea0123456789", enrich="true")
    tubeq.add("youtube_search", query="tea", enrich="true")
    types = [f"--type=youtube_{each}" for each in ("playlist", "search", "video")]
    tubeq("worker", *types, "--threads", "4", "--until-idle")
    with tubeq.queue() as queue:
        assert queue.stats().by_status["COMPLETED"] == 2 + 8 + 6
        assert queue.stats().results == 2 * (8 + 6)


def test_ctrl_c_leaves_work_that_can_be_gone_on_with(youtube, world, tubeq, monkeypatch):
    world.channel("@tea", 60)
    monkeypatch.setattr(youtube, "latency_s", 0.1)
    process = tubeq.start("scrape", "@tea", "--max-results", "60", "--enrich")
    until(tubeq.db_path.exists)
    with tubeq.queue() as queue:
        until(lambda: queue.stats().by_type.get("youtube_video", {}).get("COMPLETED", 0) > 5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130, err
        assert "interrupted" in err
        assert "--type youtube_channel --type youtube_video" in err
        assert queue.stats().by_status["RUNNING"] == 0
        (task,) = queue.list_tasks(task_type="youtube_channel")
        monkeypatch.undo()
        types = ["--type=youtube_channel", "--type=youtube_video"]
        tubeq("worker", *types, "--threads=4", "--until-idle")
        assert queue.progress(task["task_id"]).completed == 60
        assert len(queue.get_task_results(task["task_id"])) == 60


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_done_twice_while_workers_are_killed(tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "")
        monkeypatch.setenv(name.lower(), "")
    soak = Soak(tmp_path, videos=120, kill_every_s=0.8, most_kills=6)
    task_id = soak.run()
    soak.check(task_id)
    assert soak.kills >= 2


@pytest.mark.timeout(120)
def test_the_first_idea_is_there_while_the_listing_goes_on(tubeq, world):
    world.big_channel("@archive", 600)
    with tubeq.queue() as queue:
        parameters = {"channel_url": "@archive", "max_results": 200_000, "enrich": True}
        task_id = queue.create_task("youtube_channel", parameters)
        words = ("worker", "--type", "youtube_channel", "--until-idle", "--quiet")
        process = tubeq.start(*words, stdout=subprocess.DEVNULL, stderr=None)
        until(lambda: queue.get_task(task_id)["started_at"])
        began = time.monotonic()
        until(lambda: queue.get_task_results(task_id))
        # A second on a quiet machine, the import of yt-dlp included.
        assert time.monotonic() - began < 10
        assert queue.get_task(task_id)["status"] == "RUNNING"
        assert queue.progress(task_id).total >= 1
        assert process.wait(timeout=100) == 0
        assert queue.progress(task_id).total == 600


def test_who_waits_for_a_pause_is_told_and_may_leave(tubeq, world):
    for video in world.channel("@paused", 6).videos:
        world.video(video.video_id, problem=problems.BOT_CHECK)
    told = tubeq.folder / "stderr"
    with told.open("wb") as stderr:
        words = ("scrape", "@paused", "--enrich", "--threads", "2")
        process = tubeq.start(*words, stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        until(lambda: "youtube_video is paused and resumes in" in told.read_text())
        assert "tubeq limits resume type:youtube_video" in told.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()
    assert told.read_text().count("is paused") == 1
    with tubeq.queue() as queue:
        assert queue.maintenance.check() == []
        assert queue.stats().by_status["RUNNING"] == 0
        assert queue.limits.slots() == []
        # What was under way when the pause began may fail as well; nothing else was begun.
        (parent,) = queue.list_tasks(task_type="youtube_channel")
        assert sum(task["retry_count"] for task in queue.children(parent.task_id)) <= 2
