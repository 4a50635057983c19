"""Playlists and videos by all of their names, addresses rebuilt from nothing but ids.

Those of channels are in test_channel_parameters.py.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tubeq.domain.errors import InvalidParameters
from tubeq.plugins.youtube.channel import ChannelParameters
from tubeq.plugins.youtube.playlist import PlaylistParameters
from tubeq.plugins.youtube.search import SearchParameters
from tubeq.plugins.youtube.search_filters import SORT, UPLOADED, decoded, encoded
from tubeq.plugins.youtube.video import VideoParameters

VIDEO_ID = "a-b_c0DEF12"
PLAYLIST_ID = "PL0123456789-_abcdefABCDEF0123456789"

VIDEOS = [
    VIDEO_ID,
    f"  {VIDEO_ID}\n",
    f"https://www.youtube.com/watch?v={VIDEO_ID}",
    f"https://www.youtube.com/watch?list={PLAYLIST_ID}&v={VIDEO_ID}&t=42s#top",
    f"http://m.youtube.com/watch?v={VIDEO_ID}",
    f"music.youtube.com/watch?v={VIDEO_ID}",
    f"HTTPS://YOUTUBE.com/watch/?v={VIDEO_ID}",
    f"https://youtu.be/{VIDEO_ID}",
    f"youtu.be/{VIDEO_ID}?si=shared&t=3",
    f"https://www.youtube.com/shorts/{VIDEO_ID}",
    f"https://www.youtube.com/live/{VIDEO_ID}?feature=share",
    f"https://www.youtube.com/embed/{VIDEO_ID}/",
    f"//www.YouTube.com/watch?v={VIDEO_ID}",
    f"https://www.youtube.com/watch?v={VIDEO_ID}?si=shared",
    f"https://www.youtube.com/watch?v={VIDEO_ID}&v={VIDEO_ID}&pp=ygUDdGVh&feature=share",
    f"https://www.youtube.com/watch?feature=player_embedded&amp;amp;v={VIDEO_ID}",
    f"https://www.youtube.com/watch\\?v\\={VIDEO_ID}\\&t\\=3",
    f"https://www.youtube.com/watch#!v={VIDEO_ID}",
    f"https://www.youtube.com/#/watch?v={VIDEO_ID}",
    f"https://www.youtube.com/watch/{VIDEO_ID}",
    f"https://www.youtube.com/watch_popup?v={VIDEO_ID}",
    f"https://www.youtube.com/?v={VIDEO_ID}",
    f"https://www.youtube.com/v/{VIDEO_ID}&hl=en",
    f"https://www.youtube.com/e/{VIDEO_ID}",
    f"https://youtu.be/{VIDEO_ID}&t=3",
    f"https://www.youtube-nocookie.com/embed/{VIDEO_ID}?rel=0",
    f"https://www.youtubekids.com/watch?v={VIDEO_ID}",
    f"https://www.youtube.com/attribution_link?a=x&u=%2Fwatch%3Fv%3D{VIDEO_ID}%26feature%3Dshare",
    f"https://www.youtube.com/redirect?q=https%3A%2F%2Fyoutu.be%2F{VIDEO_ID}",
    f"https://www.youtube.com/oembed?url=https%3A//www.youtube.com/watch%3Fv%3D{VIDEO_ID}",
    f"https://consent.youtube.com/m?continue=https%3A%2F%2Fyoutu.be%2F{VIDEO_ID}&gl=NL",
    f"https://studio.youtube.com/video/{VIDEO_ID}/edit",
    f"vnd.youtube:{VIDEO_ID}",
    f"vnd.youtube://www.youtube.com/watch?v={VIDEO_ID}",
    f"<https://youtu.be/{VIDEO_ID}>",
    f'"https://youtu.be/{VIDEO_ID}",',
    f"(https://youtu.be/{VIDEO_ID}).",
    f"\u200bhttps://youtu.be/{VIDEO_ID}\ufeff",
    f"https://youtu.be/{VIDEO_ID}?list=RDMM",
    f"https://www.youtube.com/watch?v={VIDEO_ID}/",
    f"https://www.youtube.com/Watch?v={VIDEO_ID}",
    f"https://www.youtube.com/watch%3Fv%3D{VIDEO_ID}",
    f"https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3D{VIDEO_ID}%26t%3D3",
    f"https%253A%252F%252Fyoutu.be%252F{VIDEO_ID}",
    f"https://www.youtube.com/live_chat?is_popout=1&v={VIDEO_ID}",
    f"https://www.youtube.com/all_comments?v={VIDEO_ID}",
    f"/watch?v={VIDEO_ID}&pp=x",
    f"watch?v={VIDEO_ID}",
    f"/shorts/{VIDEO_ID}",
    f"https://youtu.be/{VIDEO_ID}\u3002",
    f"\u2068https://youtu.be/{VIDEO_ID}\u2069",
    f"\u202a{VIDEO_ID}\u202c",
]
PLAYLISTS = [
    PLAYLIST_ID,
    f"https://www.youtube.com/playlist?list={PLAYLIST_ID}",
    f"youtube.com/playlist?list={PLAYLIST_ID}&si=shared",
    f"https://music.youtube.com/playlist?list={PLAYLIST_ID}",
    f"https://www.youtube.com/watch?v={VIDEO_ID}&list={PLAYLIST_ID}&index=3",
    f"https://youtu.be/{VIDEO_ID}?list={PLAYLIST_ID}",
    f"https://www.youtube.com/embed/videoseries?list={PLAYLIST_ID}",
    f"https://www.youtube.com/embed?listType=playlist&list={PLAYLIST_ID}",
    f"https://www.youtube.com/embed/{VIDEO_ID}?list={PLAYLIST_ID}",
    f"https://www.youtube.com/watch?list={PLAYLIST_ID}",
    f"https://music.youtube.com/browse/VL{PLAYLIST_ID}",
    f"VL{PLAYLIST_ID}",
    f"https://www.youtube.com/playlist?list={PLAYLIST_ID}?si=shared",
    f"//www.youtube.com/playlist?list={PLAYLIST_ID}",
    f"<https://www.youtube.com/playlist?list={PLAYLIST_ID}>,",
    f"/playlist?list={PLAYLIST_ID}",
    f"https://www.youtube.com/playlist/{PLAYLIST_ID}",
    f"https://www.youtube.com/view_play_list?p={PLAYLIST_ID}",
    f"https://www.youtube.com/course?list={PLAYLIST_ID}",
    f"https://www.youtube.com/p/{PLAYLIST_ID}?hl=en",
    f"https://studio.youtube.com/playlist/{PLAYLIST_ID}/videos",
    f"https://www.youtube.com/feeds/videos.xml?playlist_id={PLAYLIST_ID}",
]
OTHER_LISTS = [
    "RDCLAK5uy_kmPRjHDECIcuVwnKsx2Ng7fyNgFKWNJFs",
    "OLAK5uy_m4xAFdmMC5rX3Ji3g93pQe3hqLZw_9LhM",
    "TLGGrESM50VT6acwMjAyMjAxNw",
    "UUMOXuqSBlHAE6Xw-yeJA0Tunw",
    "FL0123456789_-abcdefABCD",
]
ELSEWHERE = [
    "https://evil.example/{}",
    "https://youtube.com.evil.example/{}",
    "https://evilyoutube.com/{}",
    "https://www.youtube.com@evil.example/{}",
    "https://user:hunter2@www.youtube.com/{}",
    "https://www.youtube.com:443/{}",
    "https://www.youtube.com:8080/{}",
    "https://www.youtube.com\\@evil.example/{}",
    "https://www.youtube.com%2eevil.example/{}",
    "https://\uff57\uff57\uff57.youtube.com/{}",
    "https://www.youtube.com./{}",
    "https://invidious.example/{}",
    "https://[::1]/{}",
    "https://[broken/{}",
    "https://127.0.0.1/{}",
    "https://169.254.169.254/{}",
    "https://localhost/{}",
    "https://0x7f000001/{}",
    "file:///{}",
    "file://www.youtube.com/{}",
    "ftp://www.youtube.com/{}",
    "javascript://www.youtube.com/{}",
    "data:text/html,{}",
    "https://www.youtube.com/redirect?q=https://evil.example/{}",
    "https://www.youtube.com//evil.example/{}",
    "https://www.you\ntube.com/{}",
    "https://www.youtube.com/\x00{}",
    "https://www.youtube.com/ {}",
    "https://www.youtube.com/{}\ud800",
]
NO_VIDEOS = [
    None, 7, True, [VIDEO_ID], b"abcdefghijk", "", "   ", "short", VIDEO_ID + "x", "x" * 10**6,
    "ytsearch:tea", "@handle", PLAYLIST_ID, "https://www.youtube.com", "https://www.youtube.com/",
    "https://www.youtube.com/watch", "https://www.youtube.com/watch?v=", "https://youtu.be/",
    f"https://www.youtube.com/watch?v={VIDEO_ID}x",
    f"https://www.youtube.com/watch?v={VIDEO_ID}&v=another0000",
    f"https://www.youtube.com/watch?V={VIDEO_ID}",
    f"https://www.youtube.com/{VIDEO_ID}",
    f"https://youtu.be/{VIDEO_ID}/more",
    f"https://youtu.be/watch?v={VIDEO_ID}",
    f"https://www.youtube.com/shorts/{VIDEO_ID}/more",
    f"https://www.youtube.com/playlist?list={PLAYLIST_ID}",
    "https://www.youtube.com/watch?v=abc\x00defghijk",
    "https://www.youtube.com/watch?v=abc%00defghijk",
    "https://www.youtube.com/watch?v=..%2f..%2fetc%2f",
    "https://www.youtube.com/watch?" + "&".join(f"a{n}=1" for n in range(50)) + f"&v={VIDEO_ID}",
]  # fmt: skip
NO_PLAYLISTS = [
    None, 7, [PLAYLIST_ID], "", VIDEO_ID, "PLshort", "PL" + "x" * 200, "XX0123456789abcdef",
    "@handle", f"https://www.youtube.com/watch?v={VIDEO_ID}", "https://www.youtube.com/playlist",
    f"https://youtu.be/{VIDEO_ID}?si=shared",
    f"https://www.youtube.com/playlist?list={PLAYLIST_ID}&list=PLanother0123456",
    f"https://www.youtube.com/feed/playlist?list={PLAYLIST_ID}",
    "https://www.youtube.com/playlist?list=PL0123456789%00", "PL0123456789\x00abc",
    "https://www.youtube.com/playlist?list=PL012345%2f..%2f..%2fetc",
]  # fmt: skip


@pytest.mark.parametrize("name", VIDEOS)
def test_every_way_to_write_a_video(name: str) -> None:
    assert VideoParameters.of({"video": name}).url == f"https://www.youtube.com/watch?v={VIDEO_ID}"


@pytest.mark.parametrize("name", PLAYLISTS)
def test_every_way_to_write_a_playlist(name: str) -> None:
    wanted = PlaylistParameters.of({"playlist": name})
    assert wanted.url == f"https://www.youtube.com/playlist?list={PLAYLIST_ID}"


@pytest.mark.parametrize("list_id", OTHER_LISTS)
def test_lists_of_other_kinds_that_end(list_id: str) -> None:
    for name in (list_id, f"https://music.youtube.com/playlist?list={list_id}"):
        assert PlaylistParameters.of({"playlist": name}).playlist == list_id


def refusal(parameters: type[VideoParameters | PlaylistParameters], name: object) -> str:
    key = "video" if parameters is VideoParameters else "playlist"
    with pytest.raises(InvalidParameters, match=f"^{key} must be the id of a {key}") as caught:
        parameters.of({key: name})
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500
    assert "hunter2" not in message
    return message


@pytest.mark.parametrize("name", NO_VIDEOS, ids=lambda each: ascii(each)[:60])
def test_no_videos(name: object) -> None:
    refusal(VideoParameters, name)


@pytest.mark.parametrize("name", NO_PLAYLISTS, ids=lambda each: ascii(each)[:60])
def test_no_playlists(name: object) -> None:
    refusal(PlaylistParameters, name)


@pytest.mark.parametrize("form", ELSEWHERE, ids=ascii)
def test_other_places_are_refused(form: str) -> None:
    refusal(VideoParameters, form.format(f"watch?v={VIDEO_ID}"))
    refusal(PlaylistParameters, form.format(f"playlist?list={PLAYLIST_ID}"))


@pytest.mark.parametrize(
    ("name", "why"),
    [("RDabcdefghijk", "no end"), ("RDMM", "no end"), ("WL", "its owner"), ("LL", "its owner")],
)
def test_lists_that_are_no_playlists_are_refused_with_a_reason(name: str, why: str) -> None:
    assert why in refusal(PlaylistParameters, name)
    address = f"https://www.youtube.com/watch?v={VIDEO_ID}&list={name}"
    assert why in refusal(PlaylistParameters, address)


KINDS: dict[str, tuple[Any, str]] = {
    "scrape": (ChannelParameters, "channel_url"),
    "playlist": (PlaylistParameters, "playlist"),
    "video": (VideoParameters, "video"),
    "search": (SearchParameters, "query"),
}
OF_KINDS = {
    "https://www.youtube.com/@lighthouse/shorts": ["scrape"],
    "https://www.youtube.com/lighthouse": ["scrape"],
    f"https://www.youtube.com/playlist?list={PLAYLIST_ID}": ["playlist"],
    f"https://www.youtube.com/watch?v={VIDEO_ID}": ["video"],
    f"https://youtu.be/{VIDEO_ID}?list={PLAYLIST_ID}": ["playlist", "video"],
    "https://www.youtube.com/results?search_query=tea": ["search"],
}


@pytest.mark.parametrize("address", OF_KINDS)
@pytest.mark.parametrize("command", KINDS)
def test_an_address_of_another_kind_is_refused_with_the_command_that_takes_it(
    command: str, address: str
) -> None:
    parameters, name = KINDS[command]
    if command in OF_KINDS[address]:
        parameters.of({name: address})
        return
    with pytest.raises(InvalidParameters) as caught:
        parameters.of({name: address})
    for other in OF_KINDS[address]:
        assert f"`tubeq {other}` takes" in str(caught.value)


def test_the_address_of_a_tab_is_the_parameter_tab() -> None:
    address = "https://www.youtube.com/@a/shorts"
    assert ChannelParameters.of({"channel_url": address}) == ChannelParameters("@a", tab="shorts")
    for path in ("@a/shorts", "/@a/shorts", "@a/shorts?si=x", "%40a/shorts/"):
        assert ChannelParameters.of({"channel_url": path}) == ChannelParameters("@a", tab="shorts")
    assert ChannelParameters.of({"channel_url": "@a/about"}) == ChannelParameters("@a")
    same = ChannelParameters.of({"channel_url": address, "tab": "shorts"})
    assert same.url == "https://www.youtube.com/@a/shorts"
    with pytest.raises(InvalidParameters, match="tab is 'streams', but channel_url says 'shorts'"):
        ChannelParameters.of({"channel_url": address, "tab": "streams"})
    with pytest.raises(InvalidParameters, match="since goes with the tabs"):
        ChannelParameters.of({"channel_url": address, "since": "2026-01-01"})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("https://www.youtube.com/results?search_query=tea+%26+cake", {"query": "tea & cake"}),
        ("m.youtube.com/results?search_query=tea", {"query": "tea"}),
        ("https://www.youtube.com/results?q=tea&sp=CAMSBAgDEAE%253D",
         {"query": "tea", "sort": "views", "uploaded": "week"}),
        ("https://www.youtube.com/results?search_query=tea&sp=EgIQAg%253D%253D", {"query": "tea"}),
        ("https://www.youtube.com/results?search_query=tea&sp=%FF!", {"query": "tea"}),
        ("https://music.youtube.com/search?q=tea", {"query": "tea"}),
        ("ytsearch5:tea & cake", {"query": "tea & cake", "max_results": 5}),
        ("ytsearch:tea", {"query": "tea"}),
        ("<https://www.youtube.com/results?search_query=tea>", {"query": "tea"}),
        ("\u200b\u2068https://www.youtube.com/results?search_query=tea\u2069", {"query": "tea"}),
        ('"exact words"', {"query": '"exact words"'}),
        ("ytsearchdate5:tea", {"query": "tea", "max_results": 5, "sort": "date"}),
        ("/results?search_query=tea", {"query": "/results?search_query=tea"}),
        ("youtube.com", {"query": "youtube.com"}),
        ("https://example.org/tea", {"query": "https://example.org/tea"}),
        ("@handle", {"query": "@handle"}),
        (VIDEO_ID, {"query": VIDEO_ID}),
    ],
)  # fmt: skip
def test_what_a_search_is_given(text: str, wanted: dict[str, Any]) -> None:
    assert SearchParameters.of({"query": text}) == SearchParameters(**wanted)


@pytest.mark.parametrize("sort", SORT)
@pytest.mark.parametrize("uploaded", [None, *UPLOADED])
def test_how_a_search_is_filtered_is_read_as_it_was_written(
    sort: str, uploaded: str | None
) -> None:
    said = {"sort": sort, "uploaded": uploaded, "duration": "long"}
    read = decoded(encoded(sort, uploaded, "long"))
    assert {"sort": "relevance", "uploaded": None, **read} == said


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("video", "https://www.youtube.com/watch?feature=share", "put it in quotes"),
        ("video", f"https://www.youtube.com/watch?v={VIDEO_ID}x", "11 characters, not 12"),
        ("video", f"https://www.youtube.com/watch?v={VIDEO_ID}&v=another0000", "two videos"),
        ("video", "https://youtu.be/a/b", "youtu.be/ and the video's id alone"),
        ("video", f"https://www.youtube.com:443/watch?v={VIDEO_ID}", "www.youtube.com alone"),
        ("video", f"https://invidious.example/watch?v={VIDEO_ID}", "only addresses on youtube.com"),
        ("playlist", "https://www.youtube.com/playlist?list=", "it names no list"),
        ("playlist", "https://www.youtube.com/playlist?list=XX0123456789", "are not known"),
        ("playlist", "https://music.youtube.com/browse/MPREb_gTAcphH99wE", "OLAK5uy_"),
        ("scrape", "https://www.youtube.com/@a/playlists", "the channel's address alone"),
        ("scrape", "https://www.youtube.com/feed/subscriptions", "for each viewer"),
        ("scrape", "https://www.youtube.com/hashtag/tea", "tubeq search"),
        ("scrape", "https://www.youtube.com/channel/UCshort", "UC and 22 more characters"),
        ("scrape", "@a/playlists", "the channel's address alone"),
        ("scrape", "https://www.youtube.com/subscription_center?add_user=a", "YouTube's own"),
        ("scrape", "https://www.youtube.com/Watch?v=", "it names no video"),
        ("scrape", "https://www.youtube.com/SHOW/a", "YouTube's own"),
        ("scrape", "https://www.youtube.com/%2566eed", "for each viewer"),
        ("scrape", "https://www.youtube.com/feeds/videos.xml", "YouTube's own"),
        ("scrape", "@a b", "letters, digits"),
        ("scrape", "lighthouse", "begins with @: @lighthouse"),
        ("search", "https://www.youtube.com/results", "no search_query="),
    ],
)
def test_a_refusal_gives_the_reason(kind: str, text: str, reason: str) -> None:
    parameters, name = KINDS[kind]
    with pytest.raises(InvalidParameters) as caught:
        parameters.of({name: text})
    assert reason in str(caught.value)


@given(st.text(max_size=80) | st.text("@/.:?=&%#\\youtbecmwahlisPLU-_0x", max_size=80))
def test_whatever_is_accepted_leads_to_youtube(text: str) -> None:
    for parameters, key in (
        (ChannelParameters, "channel_url"),
        (PlaylistParameters, "playlist"),
        (VideoParameters, "video"),
    ):
        try:
            url = parameters.of({key: text}).url
        except InvalidParameters as error:
            assert str(error).isprintable()
            continue
        parts = urlsplit(url)
        assert (parts.scheme, parts.netloc) == ("https", "www.youtube.com")
        assert set(parse_qs(parts.query)) <= {"v", "list"}
        assert url.isascii()
        assert url.isprintable()
        assert ".." not in parts.path.split("/")
