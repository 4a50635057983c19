"""A file with cookies, by which YouTube takes a scraper for somebody who is logged in.

It is read, never written: yt-dlp is given a copy in memory, as it would save what YouTube sets. Of
its cookies only YouTube's are taken. No message repeats a line of it.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from tubeq.domain.errors import InvalidParameters

_MOST_BYTES = 2**20
_HEADER = "# Netscape HTTP Cookie File\n"
_HTTP_ONLY = "#HttpOnly_"
_LINE = re.compile(
    r"(?P<domain>[^\t]+)\t(TRUE|FALSE)\t[^\t]+\t(TRUE|FALSE)\t[0-9.]*\t[^\t]*\t(?P<value>[^\t]*)"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS = re.compile(r"\.?(?:[a-z0-9-]+\.)*youtube\.com", re.IGNORECASE)
_SHORTEST_SECRET = 8  # shorter values are settings, such as a language


def read_cookies(path: str | os.PathLike[str]) -> str:
    """YouTube's cookies in a file of Netscape's format, in the same format.

    Raises:
        InvalidParameters: it cannot be read, is none, holds none of YouTube's, or is open to every
            user of this machine.
    """
    lines = [line for line in _text(Path(path)).splitlines() if line.strip()]
    kept = []
    for number, line in enumerate(lines, 1):
        if line.startswith("#") and not line.startswith(_HTTP_ONLY):
            continue
        match = _LINE.fullmatch(line.removeprefix(_HTTP_ONLY))
        if match is None or _CONTROLS.search(line):
            raise InvalidParameters(
                f"cookies_file {str(path)!r}: its entry {number} is no cookie in Netscape's format,"
                " which has seven fields with tabs between them: export it as cookies.txt"
            )
        if _OURS.fullmatch(match["domain"]):
            kept.append(line + "\n")
    if not kept:
        raise InvalidParameters(f"cookies_file {str(path)!r} holds no cookie of youtube.com")
    return _HEADER + "".join(kept)


def values_of(cookies: str) -> set[str]:
    """What must not be seen of them in messages."""
    values = {line.rpartition("\t")[2] for line in cookies.splitlines() if "\t" in line}
    return {value for value in values if len(value) >= _SHORTEST_SECRET}


def _text(path: Path) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InvalidParameters(f"cookies_file {str(path)!r} is no file")
        if os.name == "posix" and status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
            # ssh treats keys likewise. Of the group nothing is said: services are given files so.
            raise InvalidParameters(
                f"cookies_file {str(path)!r} is open to every user of this machine, and whoever "
                f"reads it is logged in as you: chmod 600 {str(path)!r}"
            )
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidParameters(
            f"cookies_file {str(path)!r} cannot be read: {error.strerror}"
        ) from None
    if len(data) > _MOST_BYTES:
        raise InvalidParameters(f"cookies_file {str(path)!r} is larger than a megabyte")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidParameters(f"cookies_file {str(path)!r} is no text in UTF-8") from None
