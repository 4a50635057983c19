"""What a channel task may say, and what becomes of it: an address built here, or a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.test_names import ELSEWHERE
from tubeq.domain.errors import InvalidParameters
from tubeq.plugins.youtube.channel import ChannelParameters, YouTubeChannelPlugin

CHANNEL_ID = "UC0123456789_-abcdefABCD"

ACCEPTED = [
    ("@SnappyStories_1", "@SnappyStories_1"),
    ("@test-0", "@test-0"),
    ("  @test-0\n", "@test-0"),
    ("@a.b·c", "@a.b%C2%B7c"),
    ("@狐", "@%E7%8B%90"),
    (CHANNEL_ID, f"channel/{CHANNEL_ID}"),
    ("https://www.youtube.com/@lighthouse", "@lighthouse"),
    ("https://www.youtube.com/@lighthouse/", "@lighthouse"),
    ("https://www.youtube.com/@lighthouse/videos", "@lighthouse"),
    ("https://www.youtube.com/@lighthouse/featured", "@lighthouse"),
    ("https://www.youtube.com/@lighthouse/videos?view=0&sort=p#top", "@lighthouse"),
    ("https://www.youtube.com/%40lighthouse", "@lighthouse"),
    ("https://www.youtube.com/@%E7%8B%90", "@%E7%8B%90"),
    ("http://youtube.com/@lighthouse", "@lighthouse"),
    ("HTTPS://M.YouTube.com/@lighthouse", "@lighthouse"),
    ("music.youtube.com/@lighthouse", "@lighthouse"),
    ("youtube.com/@lighthouse", "@lighthouse"),
    (f"https://www.youtube.com/channel/{CHANNEL_ID}", f"channel/{CHANNEL_ID}"),
    (f"https://www.youtube.com/channel/{CHANNEL_ID}/videos", f"channel/{CHANNEL_ID}"),
    ("https://www.youtube.com/c/Lighthouse.Keeper", "c/Lighthouse.Keeper"),
    ("https://www.youtube.com/user/lighthouse/videos", "user/lighthouse"),
    ("https://www.youtube.com/lighthouse", "lighthouse"),
    ("http://www.youtube.com/lighthouse/videos", "lighthouse"),
    ("//www.youtube.com/@lighthouse", "@lighthouse"),
    ("https://www.youtube.com/@lighthouse/about", "@lighthouse"),
    (f"https://www.youtube.com/{CHANNEL_ID}", f"channel/{CHANNEL_ID}"),
    (f"https://music.youtube.com/browse/{CHANNEL_ID}", f"channel/{CHANNEL_ID}"),
    (f"https://www.youtubekids.com/channel/{CHANNEL_ID}", f"channel/{CHANNEL_ID}"),
    ("ytuser:lighthouse", "user/lighthouse"),
    ("@%E7%8B%90", "@%E7%8B%90"),
    ("%40lighthouse", "@lighthouse"),
    ("@lighthouse/", "@lighthouse"),
    ("@lighthouse?si=shared", "@lighthouse"),
    ("https://youtube.com/@lighthouse&feature=share", "@lighthouse"),
    (f"https://studio.youtube.com/channel/{CHANNEL_ID}/videos/upload", f"channel/{CHANNEL_ID}"),
    ("\uff20lighthouse", "@lighthouse"),
    ("@ไทยรัฐ", "@%E0%B9%84%E0%B8%97%E0%B8%A2%E0%B8%A3%E0%B8%B1%E0%B8%90"),
    ("@Jose\u0301", "@Jos%C3%A9"),
    ("https://www.youtube.com/c/\u09ac\u09be", "c/%E0%A6%AC%E0%A6%BE"),
    ("https://www.youtube.com/@lighthouse, ", "@lighthouse"),
    ("@%25E7%258B%2590", "@%E7%8B%90"),
    ("https://www.youtube.com/@%25E7%258B%2590/videos", "@%E7%8B%90"),
    ("%2540lighthouse", "@lighthouse"),
    ("@狐。", "@%E7%8B%90"),
    ("@العربية،", "@%D8%A7%D9%84%D8%B9%D8%B1%D8%A8%D9%8A%D8%A9"),
    ("\u2068@lighthouse\u2069", "@lighthouse"),
    ("@lighthouse\u200d", "@lighthouse"),
    ("/c/\u09ac\u09be", "c/%E0%A6%AC%E0%A6%BE"),
    ("c/Lighthouse.Keeper", "c/Lighthouse.Keeper"),
    ("user/lighthouse", "user/lighthouse"),
    (f"/channel/{CHANNEL_ID}?si=shared", f"channel/{CHANNEL_ID}"),
    (f"https://www.youtube.com/feeds/videos.xml?channel_id={CHANNEL_ID}", f"channel/{CHANNEL_ID}"),
    ("https://www.youtube.com/feeds/videos.xml?user=lighthouse", "user/lighthouse"),
    ("https%3A%2F%2Fwww.youtube.com%2F%40lighthouse", "@lighthouse"),
    ("@lighthouse/videos", "@lighthouse"),
    (f"https://www.youtube.com/Channel/{CHANNEL_ID}/Videos", f"channel/{CHANNEL_ID}"),
    ("https://www.youtube.com/User/Lighthouse", "user/Lighthouse"),
]

REFUSED = [
    None,
    7,
    True,
    ["@lighthouse"],
    {"url": "@lighthouse"},
    b"@lighthouse",
    "",
    "   ",
    "@",
    "@with space",
    "@slash/playlists",
    "@" + "x" * 100,
    "x" * 100_000,
    "lighthouse",
    "UC-too-short",
    CHANNEL_ID + "x",
    *(form.format("@lighthouse") for form in ELSEWHERE),
    "https://invidious.example/channel/" + CHANNEL_ID,
    "file:///etc/passwd",
    "ytsearch:lighthouse",
    # other pages
    "https://www.youtube.com",
    "https://www.youtube.com/",
    "https://www.youtube.com/watch?v=abcdefghijk",
    "https://www.youtube.com/playlist?list=PL123",
    "https://www.youtube.com/redirect?q=https://evil.example",
    "https://www.youtube.com/@lighthouse/videos/more",
    "https://www.youtube.com/c",
    "https://www.youtube.com/c/",
    "https://www.youtube.com/c/../redirect",
    "https://www.youtube.com/c/%2e%2e/videos",
    "https://www.youtube.com/c/a%2f..%2fredirect",
    "https://www.youtube.com/channel/UCshort",
    # characters that mean something to somebody
    "@light\x00house",
    "@light\nhouse",
    "https://www.youtube.com/@light\x00house",
    "https://www.youtube.com/@light%00house",
    "https://www.youtube.com/@light\thouse",
    "https://www.youtube.com/@light%0d%0aHost:%20evil",
    "@light\ud800house",
    "@light\u202ehouse",
    "@light%E2%80%AEhouse",
    "@light%2Fhouse",
    "@light%00house",
    "@light%FFhouse",
    "@light\u2028house",
    "@\u0e31",
    "@light\u00a0house",
    "https://www.youtube.com/feed",
    "https://www.youtube.com/premium",
    "https://www.youtube.com/c/@lighthouse",
]


@pytest.mark.parametrize(("given", "path"), ACCEPTED)
def test_accepted(given: str, path: str) -> None:
    wanted = ChannelParameters.of({"channel_url": given})
    assert wanted.url == f"https://www.youtube.com/{path}/videos"


@pytest.mark.parametrize("given", REFUSED, ids=lambda given: ascii(given)[:60])
def test_refused(given: object) -> None:
    with pytest.raises(InvalidParameters, match="channel_url") as caught:
        ChannelParameters.of({"channel_url": given})
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500
    assert "hunter2" not in message


@pytest.mark.parametrize("given", [1, 50, 200_000])
def test_max_results(given: int) -> None:
    wanted = ChannelParameters.of({"channel_url": "@a", "max_results": given})
    assert wanted.max_results == given


@pytest.mark.parametrize(
    "given", [0, -1, 200_001, 10**30, True, False, 5.0, "5", None, [], float("nan")]
)
def test_max_results_refused(given: object) -> None:
    with pytest.raises(InvalidParameters, match="max_results"):
        ChannelParameters.of({"channel_url": "@a", "max_results": given})


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "channel_url"),
        ({"max_results": 5}, "channel_url"),
        ({"channel_url": "@a", "max_result": 5}, "max_result"),
        ({"channel_url": "@a", "proxy": "http://evil.example"}, "proxy"),
        ({"channel_url": "@a", "self": 1}, "self"),
    ],
)
def test_scrape_names_what_is_missing_or_unknown(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidParameters, match=named):
        YouTubeChannelPlugin().scrape(**parameters)


@pytest.mark.parametrize(
    "settings",
    [
        {"proxy": "hunter2.example"},
        {"proxy": "gopher://me:hunter2@host:1"},
        {"proxy": "http://me:hunter2@"},
        {"proxy": "http://me:hunter2@host:port"},
        {"proxy": "http://me:hunter2@host:99999"},
        {"proxy": "http://me:hunter2@host\x00:1"},
        {"ca_file": "no/such/file.pem"},
        {"ca_file": __file__},
        {"socket_timeout_s": 0},
        {"deadline_s": -1.0},
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameters, match=next(iter(settings))) as caught:
        YouTubeChannelPlugin(**settings)
    assert "hunter2" not in str(caught.value)
