"""Cookie files: what is taken of them, and which are refused, without a word of what they hold."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from yt_dlp.cookies import YoutubeDLCookieJar

from tubeq.domain.errors import InvalidParameters
from tubeq.plugins.youtube.cookies import read_cookies, values_of

OURS = ".youtube.com\tTRUE\t/\tTRUE\t1900000000\tSID\thunter2hunter2"
HTTP_ONLY = "#HttpOnly_www.youtube.com\tFALSE\t/\tFALSE\t0\tHSID\thunter3hunter3"
OTHERS = ".example.org\tTRUE\t/\tTRUE\t0\tother\thunter4hunter4"
needs_posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cookies.txt"
    path.touch(mode=0o600)
    return path


def test_only_youtubes_are_taken(path: Path) -> None:
    lines = ["\ufeff# Netscape HTTP Cookie File", "", "# mine", OURS, HTTP_ONLY, OTHERS]
    path.write_text("\r\n".join(lines), encoding="utf-8", newline="")
    header, *cookies = read_cookies(path).splitlines()
    assert header.startswith("# Netscape")
    assert cookies == [OURS, HTTP_ONLY]
    assert values_of(read_cookies(path)) == {"hunter2hunter2", "hunter3hunter3"}


def test_a_short_value_is_no_secret(path: Path) -> None:
    path.write_text(OURS.replace("hunter2hunter2", "en") + "\n", encoding="utf-8")
    assert values_of(read_cookies(path)) == set()


REFUSED = {
    "": "cookies_file",
    "# Netscape HTTP Cookie File\n": "cookies_file",
    OTHERS: "holds no cookie of youtube.com",
    "SID=hunter2hunter2; HSID=hunter3hunter3": "not a cookies.txt; export it as cookies.txt",
    "Set-Cookie: SID=hunter9; Domain=.youtube.com": "not a cookies.txt; export it",
    '[{"domain": ".youtube.com", "value": "hunter9"}]': "JSON; export it as cookies.txt",
    "SID=hunter9; HSID=hunter9": "not a cookies.txt; export it as cookies.txt",
    '[{"domain": ".youtube.com", "name": "SID", "value": "hunter2hunter2"}]': "cookies_file",
    OURS.replace("1900000000", "never"): "cookies_file",
    OURS.replace("\t", " "): "cookies_file",
    OURS.replace("\t", "  "): "line 1: .* separated by spaces",
    OURS.replace("1900000000", "hunter9"): "line 1: the field expiry",
    OURS.replace("1900000000", "1e400"): "cookies_file",
    OURS.replace("TRUE", "hunter9"): "line 1: the field subdomains",
    OURS.replace("TRUE", "yes"): "cookies_file",
    f"{OURS}\tmore": "cookies_file",
    f"\n# a comment\n{OURS}\tmore": "line 3: a cookie has seven fields",
    f"{OURS}\x01": "line 1: the field value holds a control character",
    OURS.replace("hunter2hunter2", "hunter2\x00hunter2"): "cookies_file",
    OURS.replace(".youtube.com", ".youtube.com.evil.example"): "cookies_file",
    OURS.replace(".youtube.com", "evilyoutube.com"): "cookies_file",
    OURS.replace("hunter2hunter2", "hunter2" * 200_000): "cookies_file",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text)[:60])
def test_a_refusal_names_the_line_and_the_field(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(InvalidParameters, match=REFUSED[text]) as caught:
        read_cookies(path)
    assert "cookies_file" in str(caught.value)
    assert "hunter" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_no_text(path: Path) -> None:
    path.write_bytes(OURS.encode() + b"\xff")
    with pytest.raises(InvalidParameters, match="UTF-8"):
        read_cookies(path)


JUNK = b"""\xe9.example\tTRUE\t/\tnever\tmore\thunter5\x00hunter5\xe2\x80\xa8
.example.org TRUE / TRUE 0 other hunter6
SID=hunter7; other=hunter8
{"domain": ".youtube.com"}
"""


def test_other_sites_lines_are_nobodys_concern(path: Path) -> None:
    path.write_bytes(JUNK * 15_000 + OURS.encode() + b"\n" + JUNK)
    assert path.stat().st_size > 2 * 2**20
    assert read_cookies(path).split("\n")[1:] == [OURS, ""]


PUT_RIGHT = {
    "lower case": (OURS.replace("TRUE", "true"), OURS),
    "the end of the session": (OURS.replace("1900000000", "-1"), OURS.replace("1900000000", "0")),
    "nothing": (OURS.replace("1900000000", ""), OURS.replace("1900000000", "0")),
    "a float": (OURS.replace("1900000000", "1.9e+09"), OURS),
    "a fraction": (OURS.replace("1900000000", "1900000000.25"), OURS),
    "another line end": (f"{OURS}\r\r{HTTP_ONLY}\r", f"{OURS}\n{HTTP_ONLY}"),
    "no dot": (OURS.replace(".youtube", "youtube"), OURS),
    "a dot, and no flag": (OURS.replace("TRUE", "FALSE", 1), OURS),
    "a line separator": (f"{OURS}\u2028\x85", f"{OURS}\u2028\x85"),
    "no value": (OURS.replace("hunter2hunter2", ""), OURS.replace("hunter2hunter2", "")),
    "a name that is none": (OURS.replace("SID", ""), OURS.replace("SID", "")),
    "indented": (f"  {OURS}", OURS),
    "commented out": (f"{OURS}\n#{OURS}", OURS),
}


@pytest.mark.parametrize(("text", "wanted"), PUT_RIGHT.values(), ids=PUT_RIGHT.keys())
def test_what_other_programs_write_is_put_right(path: Path, text: str, wanted: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")
    assert read_cookies(path) == f"# Netscape HTTP Cookie File\n{wanted}\n"


def test_as_powershell_writes_it(path: Path) -> None:
    path.write_text(f"{OURS}\r\n", encoding="utf-16", newline="")
    assert OURS in read_cookies(path)


def in_jar(text: str) -> list[tuple[object, ...]]:
    jar = YoutubeDLCookieJar(io.StringIO(text))
    jar.load()
    return [
        (each.domain, each.path, each.secure, each.expires, each.name, each.value) for each in jar
    ]


@pytest.mark.parametrize(("text", "wanted"), PUT_RIGHT.values(), ids=PUT_RIGHT.keys())
def test_yt_dlp_takes_what_is_taken(path: Path, text: str, wanted: str) -> None:
    path.write_text(f"{text}\n", encoding="utf-8", newline="")
    assert len(in_jar(read_cookies(path))) == wanted.count("\n") + 1


@pytest.mark.parametrize(
    "line",
    [
        OURS, HTTP_ONLY, OURS.replace("1900000000", ""), OURS.replace("1900000000", "1900000000.5"),
        OURS.replace("TRUE\t1", "yes\t1"), HTTP_ONLY.replace("FALSE", "no"), f"{OURS}\u2028",
        OURS.replace("SID", ""), OURS.replace("hunter2hunter2", "a=b; c"),
    ],
)  # fmt: skip
def test_what_yt_dlp_takes_is_taken_as_it_takes_it(path: Path, line: str) -> None:
    text = f"# Netscape HTTP Cookie File\n{line}\n"
    path.write_text(text, encoding="utf-8", newline="")
    assert in_jar(read_cookies(path)) == in_jar(text) != []


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidParameters, match="cookies_file"):
            read_cookies(path)


@needs_posix
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidParameters, match="not a file"):
        read_cookies(tmp_path / "pipe")


@needs_posix
@pytest.mark.parametrize(
    ("mode", "open_to_all"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)]
)
def test_whose_eyes_it_is_for(path: Path, mode: int, open_to_all: bool) -> None:
    path.write_text(OURS, encoding="utf-8")
    path.chmod(mode)
    if open_to_all:
        with pytest.raises(InvalidParameters, match="chmod 600"):
            read_cookies(path)
    else:
        assert OURS in read_cookies(path)
