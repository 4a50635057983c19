"""Single videos: real yt-dlp against the simulated YouTube."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import MakePlugin, Scrape
from tubeq.domain.clock import to_timestamp
from tubeq.domain.errors import PermanentError, TransientError
from tubeq.testing.youtube import World, faults, problems
from tubeq.testing.youtube.watch_pages import published

VIDEO = "youtube_video"
VIDEO_ID = "a-b_c0DEF12"


def test_an_idea_holds_all_that_the_page_tells(scrape: Scrape, world: World) -> None:
    (video,) = world.channel("@Lighthouse", 1).videos
    (idea,) = scrape(VIDEO, video=f"https://youtu.be/{video.video_id}?si=shared")
    assert scrape.requests == {"watch": 1}
    assert (idea.source_id, idea.title, idea.views) == (video.video_id, video.title, video.views)
    assert (idea.description, idea.duration_s) == (video.description, video.duration_s)
    assert idea.url == f"https://www.youtube.com/watch?v={video.video_id}"
    assert idea.published_at == to_timestamp(published(video).timestamp())
    assert 1.0 <= idea.score <= 100.0
    assert idea.extra == {
        "channel": "lighthouse",
        "channel_id": video.channel_id,
        "handle": "@lighthouse",
        "likes": video.likes,
        "comments": 1234,
        "tags": list(video.tags),
        "categories": [video.category],
        "live_status": "not_live",
        "availability": "public",
    }


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        (faults.no_formats(), {"watch": 1}),  # nobody wants to download it
        (faults.no_player_response(), {"watch": 1, "player": 1}),
        (faults.html_page(), {"watch": 1, "player": 1, "next": 1}),
        (faults.http_error(429), {"watch": 1, "player": 1, "next": 1}),
    ],
    ids=["no formats", "no player response", "html", "429"],
)
def test_what_the_page_lacks_is_asked_for(
    scrape: Scrape, world: World, fault: faults.Fault, requests: dict[str, int]
) -> None:
    video = world.video(VIDEO_ID)
    world.fail(fault, request="watch")
    (idea,) = scrape(VIDEO, video=VIDEO_ID)
    assert (idea.title, idea.views) == (video.title, video.views)
    assert scrape.requests == requests


def test_hostile_texts_become_harmless(scrape: Scrape, world: World) -> None:
    hostile = {"title": "</script>\x00\x1b[2J \ud83e", "description": "x\u202e" * 10**6}
    world.video("hostile0000", **hostile)
    (idea,) = scrape(VIDEO, video="hostile0000")
    assert idea.title == "</script>[2J"
    assert set(idea.description) == {"x"}
    assert len(idea.description) <= 10_000


def test_a_trailer_is_not_taken_for_the_film(scrape: Scrape, world: World) -> None:
    world.video("trailer0000")
    world.video(VIDEO_ID, problem=problems.Problem("UNPLAYABLE", trailer="trailer0000"))
    failure = scrape.failure(VIDEO, video=VIDEO_ID)
    assert (failure.code, type(failure)) == ("members_only", PermanentError)


def test_a_page_without_a_word_is_no_success(scrape: Scrape, world: World) -> None:
    world.video(VIDEO_ID, problem=problems.SPEECHLESS)
    failure = scrape.failure(VIDEO, video=VIDEO_ID)
    assert (failure.code, type(failure)) == ("bad_response", TransientError)


def test_advice_for_yt_dlps_own_users_is_left_out(scrape: Scrape, world: World) -> None:
    for problem in (problems.PRIVATE, problems.BOT_CHECK, problems.RATE_LIMITED):
        world.video(VIDEO_ID, problem=problem)
        message = str(scrape.failure(VIDEO, video=VIDEO_ID))
        assert problem.reason.rstrip(".") in message
        assert "--cookies" not in message
        assert "-t sleep" not in message


def test_one_plugin_goes_from_trouble_to_success(make_plugin: MakePlugin, world: World) -> None:
    plugin = make_plugin(VIDEO)
    world.video(VIDEO_ID, problem=problems.BOT_CHECK)
    with pytest.raises(TransientError):
        plugin.scrape(video=VIDEO_ID)
    world.video(VIDEO_ID)
    assert len(plugin.scrape(video=VIDEO_ID)) == 1
