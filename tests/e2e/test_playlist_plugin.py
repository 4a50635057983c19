"""Playlists, and a channel's tabs: real yt-dlp against the simulated YouTube."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.e2e.conftest import Scrape
from tubeq.domain.errors import PermanentError, TransientError
from tubeq.testing.youtube import World, faults, problems

PLAYLIST, CHANNEL = "youtube_playlist", "youtube_channel"
PLAYLIST_ID = "PL0123456789-_abcdef"


@pytest.mark.parametrize(("max_results", "continuations"), [(1, 0), (100, 0), (101, 1), (500, 2)])
def test_only_the_pages_that_are_needed(
    scrape: Scrape, world: World, max_results: int, continuations: int
) -> None:
    playlist = world.playlist(PLAYLIST_ID, 250)
    ideas = scrape(PLAYLIST, playlist=PLAYLIST_ID, max_results=max_results)
    expected = [video.video_id for video in playlist.videos[:max_results]]
    assert [idea.source_id for idea in ideas] == expected
    assert scrape.requests["page"] == 1
    assert scrape.requests["continuation"] == continuations
    assert scrape.requests.total() == 1 + continuations


def test_an_idea_holds_what_the_playlist_shows(scrape: Scrape, world: World) -> None:
    (video,) = world.playlist(PLAYLIST_ID, 1, titles=["</script> 狐"]).videos
    (idea,) = scrape(PLAYLIST, playlist=f"https://www.youtube.com/playlist?list={PLAYLIST_ID}")
    assert (idea.source_id, idea.title) == (video.video_id, "</script> 狐")
    assert idea.duration_s == video.duration_s
    assert idea.views == pytest.approx(video.views, rel=0.05)
    assert idea.extra["channel"] == "someone"
    assert idea.published_at is not None


def test_hidden_videos_are_left_out(scrape: Scrape, world: World) -> None:
    playlist = world.playlist(PLAYLIST_ID, 5)
    world.video(playlist.videos[1].video_id, problem=problems.PRIVATE)
    world.video(playlist.videos[4].video_id, problem=problems.REMOVED)
    ideas = scrape(PLAYLIST, playlist=PLAYLIST_ID)
    expected = [playlist.videos[index].video_id for index in (0, 2, 3)]
    assert [idea.source_id for idea in ideas] == expected


def test_a_channels_uploads_are_a_playlist(scrape: Scrape, world: World) -> None:
    channel = world.channel("@uploads", 3)
    ideas = scrape(PLAYLIST, playlist="UU" + channel.channel_id[2:])
    assert [idea.source_id for idea in ideas] == [video.video_id for video in channel.videos]


@pytest.mark.parametrize(
    ("playlist", "code", "kind"),
    [
        ({"alert": "The playlist does not exist."}, "channel_unavailable", PermanentError),
        ({"alert": "This playlist type is unviewable."}, "channel_unavailable", PermanentError),
        ({"alert": "This playlist is private."}, "private", PermanentError),
        ({"videos": 0}, "suspect_empty", TransientError),
        (None, "channel_unavailable", PermanentError),
    ],
    ids=["gone", "unviewable", "private", "empty", "never there"],
)
def test_playlists_that_cannot_be_listed(
    scrape: Scrape, world: World, playlist: dict[str, Any] | None, code: str, kind: type
) -> None:
    if playlist is not None:
        world.playlist("PLgone0123456789", **playlist)
    wanted = "PLnone0123456789" if playlist is None else "PLgone0123456789"
    failure = scrape.failure(PLAYLIST, playlist=wanted)
    assert (failure.code, type(failure)) == (code, kind)


def test_page_2_fails_and_nothing_is_passed_off_as_the_whole(scrape: Scrape, world: World) -> None:
    world.playlist(PLAYLIST_ID, 250)
    world.fail(faults.empty_json(), request="continuation", subject=PLAYLIST_ID)
    failure = scrape.failure(PLAYLIST, playlist=PLAYLIST_ID, max_results=101)
    assert (failure.code, type(failure)) == ("incomplete", TransientError)


# --- a channel's tabs ----------------------------------------------------------------------------


@pytest.mark.parametrize("tab", ["videos", "shorts", "streams"])
def test_every_tab_with_its_pages(scrape: Scrape, world: World, tab: str) -> None:
    channel = world.channel("@tabs", 40, shorts=45, streams=50)
    ideas = scrape(CHANNEL, channel_url="@tabs", tab=tab, max_results=500)
    assert [idea.source_id for idea in ideas] == [video.video_id for video in channel.tab(tab)]
    assert [idea.title for idea in ideas] == [video.title for video in channel.tab(tab)]
    assert all((idea.duration_s is None) == (tab == "shorts") for idea in ideas)
    assert all(idea.views is not None for idea in ideas)
    assert scrape.requests == {"page": 1, "continuation": 1}


@pytest.mark.parametrize("tab", ["videos", "shorts", "streams"])
def test_a_tab_that_is_not_there(scrape: Scrape, world: World, tab: str) -> None:
    counts = {"videos": 1, "shorts": 1, "streams": 1, tab: 0}
    world.channel("@without", **counts)
    failure = scrape.failure(CHANNEL, channel_url="@without", tab=tab)
    assert (failure.code, type(failure)) == ("tab_missing", PermanentError)


def test_nothing_older_and_no_page_more_than_that_takes(scrape: Scrape, world: World) -> None:
    channel = world.channel("@aged", 120)
    ideas = scrape(CHANNEL, channel_url="@aged", max_age_days=20, max_results=120)
    assert scrape.requests == {"page": 1}
    found = {idea.source_id for idea in ideas}
    # "2 weeks ago" may be anything up to 3.
    assert {v.video_id for v in channel.videos if v.age_days <= 20} <= found
    assert found <= {v.video_id for v in channel.videos if v.age_days < 28}
    day = datetime.fromtimestamp(time.time(), timezone.utc) - timedelta(days=20)
    since = f"{day:%Y-%m-%d}"
    same = scrape(CHANNEL, channel_url="@aged", since=since, max_results=120)
    assert [idea.source_id for idea in same] == [idea.source_id for idea in ideas]


def test_an_old_channel_is_no_suspect(scrape: Scrape, world: World) -> None:
    world.channel("@asleep", 5)
    assert scrape(CHANNEL, channel_url="@asleep", since="2999-01-01") == []
    assert scrape.requests == {"page": 1}
