"""A world follows from its seed."""

from __future__ import annotations

import re

import pytest

from tubeq.testing.youtube import World, problems


def test_the_same_seed_gives_the_same_videos_whatever_was_asked_before() -> None:
    one, two = World(seed=7), World(seed=7)
    two.channel("@another")
    channel = one.channel("@lighthouse", 40)
    assert two.channel("@lighthouse", 40) == channel
    assert two.channel("@LightHouse", 40).videos == channel.videos
    assert World(seed=8).channel("@lighthouse", 40).videos != channel.videos


def test_a_shorter_channel_is_the_beginning_of_a_longer_one() -> None:
    world = World()
    assert world.channel("@a", 5).videos == world.channel("@a", 50).videos[:5]


def test_identifiers_look_like_youtubes_and_are_unique() -> None:
    channel = World().channel("@lighthouse", 500)
    identifiers = {video.video_id for video in channel.videos}
    assert len(identifiers) == 500
    assert all(re.fullmatch(r"[\w-]{11}", each, re.ASCII) for each in identifiers)
    assert re.fullmatch(r"UC[\w-]{22}", channel.channel_id, re.ASCII)


def test_newest_first() -> None:
    ages = [video.age_days for video in World().channel("@lighthouse", 500).videos]
    assert ages == sorted(ages)
    assert ages[0] >= 1


def test_a_channel_is_found_by_all_of_its_names() -> None:
    world = World()
    channel = world.channel("Lighthouse")
    names = ("@Lighthouse", "@lighthouse", "lighthouse", channel.channel_id)
    assert all(world.find(name) is channel for name in names)
    assert world.find("@nobody") is None
    assert world.find(channel.channel_id.lower()) is None


def test_any_channel_exists_where_it_is_wanted() -> None:
    world = World(any_channel=True, default_videos=3)
    found = world.find("@whatever")
    assert found is not None
    assert len(found.videos) == 3
    assert world.find("@whatever") is found
    assert world.find(found.channel_id) is found
    assert world.find("UC0123456789abcdefABCDEF") is None


def test_a_channel_can_be_replaced() -> None:
    world = World()
    world.channel("@a", 5)
    world.channel("@a", 7, titles=["first"])
    found = world.find("@a")
    assert found is not None
    assert len(found.videos) == 7
    assert found.videos[0].title == "first"


@pytest.mark.parametrize("videos", [-1, 501])
def test_a_channel_has_0_to_500_videos(videos: int) -> None:
    with pytest.raises(ValueError, match="500"):
        World().channel("@a", videos)


def test_a_channel_has_tabs_of_its_own() -> None:
    channel = World().channel("@a", 3, shorts=2, streams=1)
    assert [len(channel.tab(name)) for name in ("videos", "shorts", "streams")] == [3, 2, 1]
    assert len({video.video_id for video in (*channel.videos, *channel.shorts)}) == 5


def test_every_video_is_found_by_its_id() -> None:
    world = World(default_videos=2)
    listed = [
        *world.channel("@a", shorts=2).shorts,
        *world.playlist("PL0123456789").videos,
        *world.find_videos("anything at all"),
    ]
    assert [world.find_video(video.video_id) for video in listed] == listed
    assert world.find_video("abcdefghijk") is None
    assert world.video("abcdefghijk", title="mine").title == "mine"


def test_a_video_with_a_problem_keeps_the_rest() -> None:
    world = World()
    (video,) = world.channel("@a", 1).videos
    changed = world.video(video.video_id, problem=problems.PRIVATE)
    assert (changed.title, changed.problem) == (video.title, problems.PRIVATE)
    assert world.find_video(video.video_id) == changed


def test_uploads_are_a_playlist() -> None:
    world = World()
    channel = world.channel("@a", 3)
    uploads = world.find_playlist("UU" + channel.channel_id[2:])
    assert uploads is not None
    assert uploads.videos == channel.videos
    assert world.find_playlist("UU0123456789abcdefABCDEF") is None
    assert world.find_playlist("PL0123456789") is None


def test_a_query_finds_what_it_is_told_to() -> None:
    world = World()
    assert world.query("nothing", 0) == world.find_videos("nothing") == ()
    world.query("tea", 2, titles=["first"])
    assert world.find_videos("tea")[0].title == "first"
