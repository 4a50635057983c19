"""Whose a video is: what YouTube's answer says of the channel, however the user wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import MakePlugin, Scrape, Work
from tubeq.plugins.saving import collecting
from tubeq.testing.youtube import Channel, RequestKind, SimulatedYouTube, World, faults


@pytest.fixture
def channel(world: World) -> Channel:
    return world.channel(
        "@NewName",
        70,
        shorts=2,
        streams=2,
        title="The New Name",
        old_names=("@oldname", "plain", "PlainUser"),
    )


def names_of(channel: Channel) -> dict[str, str]:
    return {"channel": "The New Name", "channel_id": channel.channel_id, "handle": channel.handle}


def told(extra: Any) -> dict[str, str]:
    return {name: extra.get(name) for name in ("channel", "channel_id", "handle")}


@pytest.mark.parametrize(
    "written",
    ["@newname", "@oldname", "youtube.com/@OLDNAME/videos", "youtube.com/user/plainuser",
     "https://www.youtube.com/c/plain", "UC"],
)  # fmt: skip
@pytest.mark.parametrize("tab", ["videos", "shorts", "streams"])
def test_a_listing_names_its_channel_as_the_answer_does(
    scrape: Scrape, channel: Channel, written: str, tab: str
) -> None:
    written = channel.channel_id if written == "UC" else written
    ideas = scrape("youtube_channel", channel_url=written, tab=tab, max_results=40)
    assert [told(idea.extra) for idea in ideas] == [names_of(channel)] * len(ideas)
    assert ideas


def test_a_channel_that_moved_is_named_as_the_one_it_moved_to(
    scrape: Scrape, channel: Channel, world: World
) -> None:
    world.channel("@before", moved_to="@newname")
    (idea,) = scrape("youtube_channel", channel_url="@before", max_results=1)
    assert told(idea.extra) == names_of(channel)


@pytest.mark.parametrize("handle", ["@ไทยรัฐ", "@हिन्दी", "@বাংলা.খবর", "@l·l", "@中村悠一のあそびば"])
def test_a_handle_is_read_to_its_end(scrape: Scrape, world: World, handle: str) -> None:
    made = world.channel(handle, 2)
    world.playlist("PLhandles00001", 1)
    (idea, _) = scrape("youtube_channel", channel_url=made.channel_id)
    assert idea.extra["handle"] == handle
    (video,) = scrape("youtube_video", video=idea.source_id)
    assert video.extra["handle"] == handle


def test_a_listing_that_streams_and_goes_on_names_its_channel(
    make_plugin: MakePlugin, channel: Channel
) -> None:
    plugin = make_plugin("youtube_channel")
    with collecting() as first:
        plugin.scrape(channel_url="youtube.com/c/plain", max_results=501, enrich=True)
    assert len(first.ideas) == 70
    page = next(each for each in first.cursors if each["page"])
    with collecting(page) as second:
        plugin.scrape(channel_url="youtube.com/c/plain", max_results=501, enrich=True)
    for idea in (*first.ideas.values(), *second.ideas.values()):
        assert told(idea.extra) == names_of(channel)


@pytest.mark.parametrize(
    ("task_type", "parameters"),
    [
        ("youtube_playlist", {"playlist": "PLidentity0001"}),
        ("youtube_search", {"query": "identity"}),
    ],
)
def test_playlists_and_searches_name_each_videos_own_channel(
    scrape: Scrape, world: World, task_type: str, parameters: dict[str, Any]
) -> None:
    world.playlist("PLidentity0001", 3)
    world.query("identity", 3)
    for idea in scrape(task_type, **parameters):
        video = world.find_video(idea.source_id)
        assert video is not None
        assert told(idea.extra) == {
            "channel": video.byline,
            "channel_id": video.channel_id,
            "handle": video.channel,
        }


def test_items_have_a_channel(work: Work, channel: Channel) -> None:
    work("youtube_channel", {"channel_url": "youtube.com/user/plainuser"})
    item = work.queue.items.get(channel.videos[0].video_id)
    assert item is not None
    assert (item.channel, item.channel_id, item.handle) == tuple(names_of(channel).values())


def test_an_answer_that_names_no_channel_leaves_it_unnamed(
    scrape: Scrape, channel: Channel, world: World, youtube: SimulatedYouTube
) -> None:
    """Rather nothing than the user's spelling."""
    world.fail(faults.no_channel(), request=RequestKind.PAGE)
    ideas = scrape("youtube_channel", channel_url="@oldname", max_results=2)
    assert [told(idea.extra) for idea in ideas] == [dict.fromkeys(names_of(channel))] * 2
