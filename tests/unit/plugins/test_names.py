"""Playlists and videos by all of their names, addresses rebuilt from nothing but ids.

Those of channels are in test_channel_parameters.py.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tubeq.domain.errors import InvalidParameters
from tubeq.plugins.channel_plugin import ChannelParameters
from tubeq.plugins.playlist_plugin import PlaylistParameters
from tubeq.plugins.video_plugin import VideoParameters

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
]
PLAYLISTS = [
    PLAYLIST_ID,
    f"https://www.youtube.com/playlist?list={PLAYLIST_ID}",
    f"youtube.com/playlist?list={PLAYLIST_ID}&si=shared",
    f"https://music.youtube.com/playlist?list={PLAYLIST_ID}",
    f"https://www.youtube.com/watch?v={VIDEO_ID}&list={PLAYLIST_ID}&index=3",
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
