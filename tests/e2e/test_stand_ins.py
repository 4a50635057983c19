"""What YouTube writes where it has nothing to tell is taken for nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.conftest import MakePlugin, Scrape, process_one
from tubeq.domain.items import Item, ItemQuery, ItemSort
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import World, problems

PLAYLIST = "PLstandins0001"


def test_a_stand_in_for_a_title_is_none(scrape: Scrape, world: World) -> None:
    playlist = world.playlist(PLAYLIST, 3, titles=["A", "B", "[C]"], shows_all=True)
    world.video(playlist.videos[1].video_id, problem=problems.PRIVATE)
    assert [idea.title for idea in scrape("youtube_playlist", playlist=PLAYLIST)] == [
        "A",
        "",
        "[C]",
    ]


def test_who_watches_or_waits_is_no_view(scrape: Scrape, world: World) -> None:
    live, announced, _ = world.channel("@onair", 3).videos
    world.video(live.video_id, viewers=4_321)
    world.video(announced.video_id, problem=problems.premiere(time.time() + 1e6))
    ideas = scrape("youtube_channel", channel_url="@onair")
    assert [idea.extra.get("live_status") for idea in ideas] == ["is_live", "is_upcoming", None]
    assert [idea.views is None for idea in ideas] == [True, True, False]
    assert ideas[1].published_at is None
    assert all(idea.duration_s != 0 for idea in ideas)
    (idea,) = scrape("youtube_video", video=live.video_id)
    assert idea.views == live.views  # of which the page tells, live or not


class Looks:
    """Tasks done one after the other, and what is known after them."""

    def __init__(self, queue: QueueManager, make_plugin: MakePlugin) -> None:
        self._queue = queue
        self._make_plugin = make_plugin

    def __call__(self, source_id: str, task_type: str, **parameters: str) -> Item:
        self._queue.create_task(task_type, parameters)
        process_one(self._queue, task_type, self._make_plugin(task_type))
        item = self._queue.items.get(source_id)
        assert item is not None
        return item


def test_an_item_keeps_what_was_known(
    world: World, make_plugin: MakePlugin, tmp_path: Path
) -> None:
    (video,) = world.channel("@known", 1).videos
    world.playlist(PLAYLIST, 0)
    with QueueManager(tmp_path / "q.db") as queue:
        look = Looks(queue, make_plugin)
        known = look(video.video_id, "youtube_video", video=video.video_id)
        world.video(video.video_id, title="Translated for the listing", viewers=7)
        listed = look(video.video_id, "youtube_channel", channel_url="@known")
        for name in ("title", "description", "views", "likes", "duration_s", "published_at"):
            assert listed[name] == known[name], name
        assert (listed.channel_id, listed.handle) == (known.channel_id, known.handle)


@pytest.mark.parametrize("order", ["listing first", "page first"])
def test_a_page_that_tells_more_digits_is_no_growth(
    world: World, make_plugin: MakePlugin, tmp_path: Path, order: str
) -> None:
    channel = world.channel("@growing", 6)
    with QueueManager(tmp_path / "q.db") as queue:
        look = Looks(queue, make_plugin)
        for video in channel.videos:
            tasks = [("youtube_channel", {"channel_url": "@growing"}),
                     ("youtube_video", {"video": video.video_id})]  # fmt: skip
            for task_type, parameters in tasks if order == "listing first" else tasks[::-1]:
                look(video.video_id, task_type, **parameters)
            item = queue.items.get(video.video_id)
            assert item is not None
            assert (item.views, item.counts.views_exact) == (video.views, True)
        assert not any(
            item.growth for item in queue.items.list(ItemQuery(sort=ItemSort.GROWTH, limit=99))
        )
