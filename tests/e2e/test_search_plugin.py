"""Searches, and what stands in for trending: real yt-dlp against the simulated YouTube."""

from __future__ import annotations

import time

import pytest

from tests.e2e.conftest import Scrape
from tubeq.domain.clock import from_timestamp
from tubeq.domain.errors import TransientError
from tubeq.testing.youtube import World, faults

SEARCH = "youtube_search"


@pytest.mark.parametrize(("max_results", "continuations"), [(1, 0), (20, 0), (21, 1), (60, 2)])
def test_only_the_pages_that_are_needed(
    scrape: Scrape, world: World, max_results: int, continuations: int
) -> None:
    found = world.query("tea", 60)
    ideas = scrape(SEARCH, query="tea", max_results=max_results)
    assert len({idea.source_id for idea in ideas}) == max_results
    assert {idea.source_id for idea in ideas} <= {video.video_id for video in found}
    expected = {"home": 1, "search": 1, "continuation": continuations}
    assert scrape.requests == {kind: count for kind, count in expected.items() if count}


def test_an_idea_holds_what_a_result_shows(scrape: Scrape, world: World) -> None:
    (video,) = world.query("one", 1)
    (idea,) = scrape(SEARCH, query="one")
    assert (idea.source_id, idea.title, idea.views) == (video.video_id, video.title, video.views)
    assert (idea.description, idea.duration_s) == (video.description, video.duration_s)
    assert idea.extra["channel"] == "someone"
    assert idea.published_at is not None


@pytest.mark.parametrize("words", ["tea & cake", "a#b?c=d&sp=EgIQAg", '100% "q" +', "狐 🦊 ..//"])
def test_words_arrive_as_they_are(scrape: Scrape, world: World, words: str) -> None:
    expected = {video.video_id for video in world.query(words, 3)}
    assert {idea.source_id for idea in scrape(SEARCH, query=words)} == expected


def test_sorted_by_views_and_by_date(scrape: Scrape, world: World) -> None:
    world.query("sorted", 50)
    by_views = [idea.views for idea in scrape(SEARCH, query="sorted", sort="views")]
    assert by_views == sorted(by_views, key=lambda views: -(views or 0))
    by_date = [idea.published_at for idea in scrape(SEARCH, query="sorted", sort="date")]
    assert by_date == sorted(by_date, key=str, reverse=True)
    by_relevance = [idea.views for idea in scrape(SEARCH, query="sorted")]
    assert sorted(by_relevance, key=str) == sorted(by_views, key=str)
    assert by_relevance != by_views
    by_rating = [idea.source_id for idea in scrape(SEARCH, query="sorted", sort="rating")]
    shares = [v.likes / (v.views + 1) for name in by_rating if (v := world.find_video(name))]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    ("filters", "field", "least", "beyond"),
    [
        ({"duration": "short"}, "duration_s", 0, 240),
        ({"duration": "medium"}, "duration_s", 240, 1200),
        ({"duration": "long"}, "duration_s", 1200, 10**9),
        ({"uploaded": "week"}, "age_days", 0, 8),
        ({"uploaded": "month"}, "age_days", 0, 32),
        ({"uploaded": "year"}, "age_days", 0, 367),
    ],
)
def test_filtered_by_length_or_date(
    scrape: Scrape, world: World, filters: dict[str, str], field: str, least: int, beyond: int
) -> None:
    videos = world.query("filtered", 60)
    ideas = scrape(SEARCH, query="filtered", max_results=60, **filters)
    assert {idea.source_id for idea in ideas} == {
        video.video_id for video in videos if least <= getattr(video, field) < beyond
    }


def test_a_search_without_results_is_suspect(scrape: Scrape, world: World) -> None:
    world.query("nothing", 0)
    failure = scrape.failure(SEARCH, query="nothing")
    assert (failure.code, type(failure)) == ("suspect_empty", TransientError)


def test_hostile_titles_become_harmless(scrape: Scrape, world: World) -> None:
    world.query("hostile", 3, titles=["</script>\x00", "half \ud83e\x1b[2J", "x" * 10**6])
    titles = {idea.title for idea in scrape(SEARCH, query="hostile")}
    assert titles == {"</script>", "half [2J", "x" * 500}


def test_page_2_fails_and_nothing_is_passed_off_as_the_whole(scrape: Scrape, world: World) -> None:
    world.query("long", 60)
    world.fail(faults.http_error(503), request="continuation", subject="long")
    assert scrape.failure(SEARCH, query="long", max_results=60).code == "server_error"
    assert len(scrape(SEARCH, query="long", max_results=20)) == 20


def test_the_substitute_for_trending(scrape: Scrape, world: World) -> None:
    world.query("tea", 60)
    ideas = scrape("youtube_trending", substitute=True, query="tea")
    views = [idea.views or 0 for idea in ideas]
    assert views == sorted(views, reverse=True)
    assert ideas
    for idea in ideas:
        published = from_timestamp(str(idea.published_at)).timestamp()
        assert time.time() - published <= 8 * 86_400


def test_trending_asks_nobody(scrape: Scrape) -> None:
    assert scrape.failure("youtube_trending").code == "trending_removed"
    assert not scrape.requests
