"""Which addresses may be asked, and how much of an answer is unpacked."""

from __future__ import annotations

import gzip
import zlib
from types import SimpleNamespace

import pytest

from tubeq.domain.errors import PermanentError, TransientError
from tubeq.plugins.youtube.request_guard import MOST_BYTES, Gate, is_youtube


class Refused(Exception):
    """What the gate raises."""


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/@lighthouse/videos",
        "https://youtube.com",
        "https://m.youtube.com?x=1",
        "https://music.youtube.com/#here",
        "https://consent.youtube.com/m?continue=https://evil.example/",
        "https://www.youtube.com:443/youtubei/v1/browse",
        "HTTPS://WWW.YouTube.com/",
        "https://www.youtube.com/a\n@evil.example/",
    ],
)
def test_youtube(url: str) -> None:
    assert is_youtube(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "www.youtube.com",
        "http://www.youtube.com/",
        "ftp://www.youtube.com/",
        "file:///etc/passwd",
        "file://www.youtube.com/etc/passwd",
        "data:text/html,https://www.youtube.com/",
        "javascript://www.youtube.com/%0aalert(1)",
        "https:///www.youtube.com/",
        "https:www.youtube.com/",
        "https:/\\www.youtube.com/",
        "https://www.youtube.com:8443/",
        "https://www.youtube.com:443443/",
        "https://www.youtube.com:443@evil.example/",
        "https://www.youtube.com@evil.example/",
        "https://www.youtube.com\\@evil.example/",
        "https://www.youtube.com\t@evil.example/",
        "https://www.youtube.com%2f@evil.example/",
        "https://www.youtube.com.evil.example/",
        "https://youtube.com.evil.example/",
        "https://evil.example/www.youtube.com/",
        "https://evil.example#@www.youtube.com/",
        "https://evilyoutube.com/",
        "https://www-youtube.com/",
        "https://www.youtube.com./",
        "https://www.youtube.co/",
        "https://evil.youtube.com/",
        "https://xn--yutube-2ce.com/",
        "https://www.y\u043eutube.com/",
        "https://www.youtube\u3002com/",
        "https://www.\u017foutube.com/",
        "https://youtu.be/",
        "https://www.google.com/",
        "https://rr1---sn-x.googlevideo.com/videoplayback",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data/",
        " https://www.youtube.com/",
        "\nhttps://www.youtube.com/",
    ],
)
def test_elsewhere(url: str) -> None:
    assert not is_youtube(url)
    gate = Gate(Refused)
    with pytest.raises(Refused):
        gate.request(url)
    assert isinstance(gate.error, PermanentError)
    assert gate.error.code == "unsafe_redirect"
    assert str(gate.error).isprintable()


def test_a_refusal_names_the_host_and_no_more() -> None:
    gate = Gate(Refused)
    with pytest.raises(Refused, match=r"'https://\*\*\*@evil.example:1'"):
        gate.request("https://me:hunter2@evil.example:1/secret?token=hunter2")
    assert "hunter2" not in str(gate.error)


def test_the_first_refusal_counts_until_the_next_call() -> None:
    gate = Gate(Refused)
    for host in ("one", "two"):
        with pytest.raises(Refused):
            gate.request(f"https://{host}.example/")
    assert "one" in str(gate.error)
    gate.open()
    assert gate.error is None


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("/relative", None),
        ("//www.youtube.com/", None),
        ("//evil.example/", "unsafe_redirect"),
        ("https://[half", "unsafe_redirect"),
        ("https://www.google.com/sorry/index?continue=x", "bot_check"),
        ("https://www.google.com/sorry.evil.example/", "unsafe_redirect"),
        ("https://www.google.com.evil.example/sorry/", "unsafe_redirect"),
    ],
)
def test_where_answers_lead(location: str, code: str | None) -> None:
    gate = Gate(Refused)
    gate.answer("https://www.youtube.com/", 200, {"Location": "https://evil.example/"})
    if code is None:
        gate.answer("https://www.youtube.com/a", 307, {"Location": location})
    else:
        with pytest.raises(Refused):
            gate.answer("https://www.youtube.com/a", 307, {"Location": location})
    assert (gate.error and gate.error.code) == code


def test_as_many_bytes_as_are_taken() -> None:
    gate = Gate(Refused)
    for _ in range(2):  # each request begins anew
        gate.request("https://www.youtube.com/")
        gate.received(MOST_BYTES)
    with pytest.raises(TransientError) as caught:
        gate.received(1)
    assert caught.value.code == "too_large"
    assert gate.error is caught.value


@pytest.mark.parametrize("length", [str(MOST_BYTES + 1), "9" * 5000])
def test_what_an_answer_promises(length: str) -> None:
    gate = Gate(Refused)
    gate.answer("https://www.youtube.com/", 200, {"Content-Length": str(MOST_BYTES)})
    gate.answer("https://www.youtube.com/", 200, {"Content-Length": "plenty"})
    with pytest.raises(Refused):
        gate.answer("https://www.youtube.com/", 200, {"Content-Length": length})


def test_unpacking() -> None:
    gate = Gate(Refused)
    assert gate.unpacked("gzip", gzip.compress(b"a page", mtime=0) + b"junk") == b"a page"
    assert gate.unpacked(" GZIP ", gzip.compress(b"x" * MOST_BYTES, mtime=0)) == b"x" * MOST_BYTES
    assert gate.unpacked("gzip", b"") == b""


@pytest.mark.parametrize(
    ("encoding", "data", "code"),
    [
        ("gzip", gzip.compress(b"x" * (MOST_BYTES + 1), mtime=0), "too_large"),
        ("gzip", gzip.compress(b"a page", mtime=0)[:-1], "incomplete"),
        ("gzip", b"a page", "bad_response"),
        ("deflate", zlib.compress(b"a page"), "bad_response"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"a page", mtime=0), mtime=0), "bad_response"),
        ("br", b"a page", "bad_response"),
    ],
)
def test_what_is_not_unpacked(encoding: str, data: bytes, code: str) -> None:
    gate = Gate(Refused)
    with pytest.raises(Refused):
        gate.unpacked(encoding, data)
    assert isinstance(gate.error, TransientError)
    assert gate.error.code == code


def test_a_handler_that_nobody_knows_cannot_be_guarded() -> None:
    assert not Gate(Refused).guard(SimpleNamespace(RH_KEY="Websockets"))
