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


REFUSED: dict[str, list[object]] = {
    "query": ["", " \t ", "nul\x00", "two\nlines", "x" * 201, "half a pair \ud83e", ["tea"]],
    "sort": ["price", None],
    "uploaded": ["decade"],
    "duration": [240],
    "max_results": [0],
    "sp": ["EgIQAQ=="],
}


@pytest.mark.parametrize("key", REFUSED)
def test_refused(key: str) -> None:
    for value in REFUSED[key]:
        with pytest.raises(InvalidParameters, match=key):
            SearchParameters.of({"query": "tea", key: value})
    with pytest.raises(InvalidParameters, match="query"):
        SearchParameters.of({})


def test_trending_is_gone_and_names_its_substitute() -> None:
    with pytest.raises(PermanentError, match="substitute=true") as caught:
        YouTubeTrendingPlugin().scrape()
    assert caught.value.code == "trending_removed"
    url = TrendingParameters.of({"substitute": True, "query": "tea"}).url
    assert url.endswith("search_query=tea&sp=CAMSBAgDEAE%253D")
    with pytest.raises(InvalidParameters, match="substitute must be true or false, not 1"):
        YouTubeTrendingPlugin().scrape(substitute=1)
