"""Every address that yt-dlp's own extractors of YouTube are tested with is read rightly, or refused
with its reason.

They are taken from yt-dlp's sources: importing the classes shows none of them where yt-dlp is
installed with lazy extractors. What each names is judged by the class that has it, by yt-dlp's
own patterns, and by the table below.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pytest
from yt_dlp.extractor import youtube as extractors

from tests.unit.plugins.test_names import KINDS
from tubeq.domain.errors import InvalidParameters

ELSEWHERE = "only addresses on youtube.com"
FEED = "a feed is made for each viewer"
PAGES = "channel's address alone"
REASONS = {
    # What names nothing that can be scraped, by a part of the address, and a part of the reason.
    r"/clip/": "a clip does not name its video",
    r"watch\?(annotation_id=|x-yt-cl=|feature=foo|hl=|t=|$)": "it names no video",
    r"v=N_708QY7Ob$": "11 characters, not 10",
    r"v=YE7VzlLtp-4&v=BaW_jenozKc": "it names two videos",
    r"^:yt": FEED,
    r"/source/": "share a sound",
    r"^https://youtube.com$": "a page of YouTube's own",
    r"/feed/trending": "tubeq trending",
    r"/feed/(?!trending)": FEED,
    r"/hashtag/": "tubeq search",
    r"/browse/MPREb_": "give its playlist",
    r"[^m]/(playlists|search|letsplay|podcasts|releases)(\?|$)": PAGES,
    r"invidio|vid\.plus|zwearz|improbable\.com|badzine|lothype|rabota7|www\.uca\.ac": ELSEWHERE,
}  # fmt: skip
CHANNELS = {  # by what stands before the name
    "/channel/": "channel/", "/browse/": "channel/", "/c/": "c/", "/user/": "user/", "/": "",
    "channel=": "channel/", "ytuser:": "user/",
}  # fmt: skip


class Address(NamedTuple):
    """One of yt-dlp's test addresses, and the class that has it."""

    extractor: str
    url: str


def _addresses() -> Iterator[Address]:
    folder = Path(extractors.__file__).parent
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                for statement in node.body:
                    if isinstance(statement, ast.Assign) and _name(statement) in _LISTS:
                        assert isinstance(statement.value, ast.List)
                        for each in statement.value.elts:
                            yield Address(node.name, _url(each))


_LISTS = ("_TESTS", "_WEBPAGE_TESTS")


def _name(statement: ast.Assign) -> str:
    target = statement.targets[0]
    return target.id if isinstance(target, ast.Name) else ""


def _url(test: ast.expr) -> str:
    assert isinstance(test, ast.Dict)
    for key, value in zip(test.keys, test.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "url":
            return str(ast.literal_eval(value))
    raise AssertionError("a test without an address")


ADDRESSES = list(_addresses())


def expected(address: Address) -> dict[str, str]:
    """What the address names, by kind; nothing where it is to be refused."""
    url = re.sub("&(amp;)+", "&", address.url)
    if any(re.search(part, url) for part in REASONS):
        return {}
    named = {}
    playlist = re.search(r"(?:list=|/browse/VL|^)((?:PL|UU|PU|FL|TL|OLAK5uy_)[\w-]{11,})", url)
    if playlist is not None:
        named["playlist"] = playlist[1]
    video = re.search(
        r"(?:[?&]v=|youtu\.be/|/shorts/|/live/|/embed/|%2Flive%2F|^)(?!live_stream)([\w-]{11})(?![\w-])",
        url,
    )
    if video is not None and "videoseries" not in url:
        named["video"] = video[1]
    search = re.search(r"(?:[?&](?:search_query|q)=|^ytsearch\d*:)([^&#]+)", url)
    if search is not None:
        named["search"] = search[1].replace("+", " ").replace("%23", "#")
    if not named:
        channel = re.search(
            r"(/channel/|/browse/|/c/|/user/|channel=|ytuser:|(?<=\.com)/(?!embed))([^/?&]+)", url
        )
        assert channel is not None, url
        named["scrape"] = CHANNELS[channel[1]] + channel[2]
    return named


def read(kind: str, text: str) -> str:
    """
    Raises:
        InvalidParameters: it is none of that kind.
    """
    parameters, name = KINDS[kind]
    return str(getattr(parameters.of({name: text}), name))


def test_there_are_as_many_as_ever() -> None:
    assert len(ADDRESSES) >= 150
    assert len({each.extractor for each in ADDRESSES}) >= 15
    assert sum(bool(expected(each)) for each in ADDRESSES) >= 140


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda each: f"{each.extractor} {each.url}"[:90])
def test_each_is_read_rightly_or_refused_with_its_reason(address: Address) -> None:
    named = expected(address)
    for kind in KINDS:
        if kind in named:
            assert unquote(read(kind, address.url)) == named[kind]
            continue
        if kind == "search" and not re.match(r"(https?:)?//[^/]*youtu\.?be", address.url, re.I):
            continue  # words may be anything, addresses elsewhere included
        with pytest.raises(InvalidParameters) as caught:
            read(kind, address.url)
        message = str(caught.value)
        assert message.isprintable()
        if named:
            for other in named:
                assert f"`tubeq {other}` takes" in message
        else:
            reasons = [why for part, why in REASONS.items() if re.search(part, address.url)]
            assert any(why in message for why in reasons), message


def test_yt_dlp_reads_the_same_videos() -> None:
    """The patterns above are no weaker than yt-dlp's own."""
    for each in ADDRESSES:
        if each.extractor == "YoutubeIE" and "video" in expected(each):
            assert extractors.YoutubeIE._match_id(each.url) == expected(each)["video"]
