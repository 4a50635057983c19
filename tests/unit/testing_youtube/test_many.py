"""Channels that are made page by page."""

from __future__ import annotations

import re

from tubeq.testing.youtube import World, problems


def test_a_channel_of_a_million_costs_nothing_until_it_is_looked_at() -> None:
    videos = World().big_channel("@archive", 1_000_000).videos
    assert len(videos) == 1_000_000
    page = videos[999_990:1_000_020]
    assert len(page) == 10
    assert page[-1] == videos[999_999]
    assert page == World().big_channel("@archive", 1_000_000).videos[999_990:]


def test_a_video_is_found_by_its_id() -> None:
    world = World()
    videos = world.big_channel("@archive", 70_000, problem=lambda place: None).videos
    identifiers = {video.video_id for video in videos[::100]}
    assert len(identifiers) == 700
    assert all(re.fullmatch(r"[\w-]{11}", each, re.ASCII) for each in identifiers)
    assert all(world.find_video(videos[place].video_id) == videos[place] for place in (0, 69_999))
    beyond = World().big_channel("@archive", 80_000).videos[70_000].video_id
    assert world.find_video(beyond) is None
    assert world.find_video("!!!!!!!!!!!") is None
    assert world.find_video(videos[0].video_id[:6] + "!!!!!") is None


def test_some_cannot_be_watched() -> None:
    world = World()
    videos = world.big_channel(
        "@archive", 100, problem=lambda place: problems.PRIVATE if place % 50 == 7 else None
    ).videos
    assert [place for place, video in enumerate(videos) if video.problem] == [7, 57]


def test_other_channels_have_other_ids() -> None:
    world = World()
    one, two = world.big_channel("@one", 10), world.big_channel("@two", 10)
    assert not {v.video_id for v in one.videos} & {v.video_id for v in two.videos}
