"""Searches: their words, and YouTube's parameter `sp`; and what stands in for trending."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tubeq.domain.errors import InvalidParameters, PermanentError
from tubeq.plugins.youtube.search import SearchParameters
from tubeq.plugins.youtube.trending import TrendingParameters, YouTubeTrendingPlugin


def words_and_sp(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    assert parts._replace(query="").geturl() == "https://www.youtube.com/results"
    query = parse_qs(parts.query, strict_parsing=True)
    assert sorted(query) == ["search_query", "sp"]
    return query["search_query"][0], query["sp"][0]


@pytest.mark.parametrize(
    "words", ["tea", "tea & cake", "a#b?c=d&sp=x", '100% "quoted" +', "狐 🦊", "../../etc", "a/b"]
)
def test_the_words_arrive_as_they_are(words: str) -> None:
    assert words_and_sp(SearchParameters.of({"query": words}).url)[0] == words


@pytest.mark.parametrize(
    ("given", "sp"),
    [  # as YouTube's own page has them in its address
        ({}, "EgIQAQ=="),
        ({"sort": "rating"}, "CAESAhAB"),
        ({"sort": "date"}, "CAISAhAB"),
        ({"sort": "views"}, "CAMSAhAB"),
        ({"uploaded": "hour"}, "EgQIARAB"),
        ({"uploaded": "week"}, "EgQIAxAB"),
        ({"duration": "short"}, "EgQQARgB"),
        ({"duration": "long"}, "EgQQARgC"),
        ({"sort": "views", "uploaded": "week"}, "CAMSBAgDEAE="),
        ({"sort": "views", "uploaded": "year", "duration": "medium"}, "CAMSBggFEAEYAw=="),
    ],
)
def test_sorting_and_filters(given: dict[str, str], sp: str) -> None:
    assert unquote(words_and_sp(SearchParameters.of({"query": "tea", **given}).url)[1]) == sp


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": " \t "}, "query"),
        ({"query": "nul\x00"}, "query"),
        ({"query": "two\nlines"}, "query"),
        ({"query": "x" * 201}, "query"),
        ({"query": "half a pair \ud83e"}, "query"),
        ({"query": ["tea"]}, "query"),
        ({"query": "tea", "sort": "price"}, "sort"),
        ({"query": "tea", "sort": None}, "sort"),
        ({"query": "tea", "uploaded": "decade"}, "uploaded"),
        ({"query": "tea", "duration": 240}, "duration"),
        ({"query": "tea", "max_results": 0}, "max_results"),
        ({"query": "tea", "sp": "EgIQAQ=="}, "sp"),
    ],
)
def test_refused(given: dict[str, object], key: str) -> None:
    with pytest.raises(InvalidParameters, match=key):
        SearchParameters.of(given)


def test_trending_is_gone_and_names_its_substitute() -> None:
    with pytest.raises(PermanentError, match="substitute=true") as caught:
        YouTubeTrendingPlugin().scrape()
    assert caught.value.code == "trending_removed"
    url = TrendingParameters.of({"substitute": True, "query": "tea"}).url
    assert url.endswith("search_query=tea&sp=CAMSBAgDEAE%253D")
    with pytest.raises(InvalidParameters, match="substitute must be true or false, not 1"):
        YouTubeTrendingPlugin().scrape(substitute=1)
