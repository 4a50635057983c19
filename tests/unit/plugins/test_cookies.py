"""Cookie files: what is taken of them, and which are refused, without a word of what they hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tubeq.domain.errors import InvalidParameters
from tubeq.plugins.cookies import read_cookies, values_of

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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Netscape HTTP Cookie File\n",
        OTHERS,
        f"{OURS}\nSID=hunter2hunter2; HSID=hunter3hunter3",
        '[{"domain": ".youtube.com", "name": "SID", "value": "hunter2hunter2"}]',
        OURS.replace("\t", " "),
        OURS.replace("1900000000", "never"),
        OURS.replace("TRUE", "yes"),
        f"{OURS}\tmore",
        OURS.replace("hunter2hunter2", "hunter2\x00hunter2"),
        OURS.replace(".youtube.com", ".youtube.com.evil.example"),
        OURS.replace(".youtube.com", "evilyoutube.com"),
        f"{OURS}\n" + "# more\n" * 200_000,
    ],
)
def test_what_is_refused(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidParameters, match="cookies_file") as caught:
        read_cookies(path)
    assert "hunter" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_no_text(path: Path) -> None:
    path.write_bytes(OURS.encode() + b"\n\xff")
    with pytest.raises(InvalidParameters, match="UTF-8"):
        read_cookies(path)


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidParameters, match="cookies_file"):
            read_cookies(path)


@needs_posix
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidParameters, match="no file"):
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
