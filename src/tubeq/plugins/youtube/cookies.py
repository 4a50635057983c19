"""A file with cookies, with which YouTube treats a scraper as a user who is logged in.

It is read, never written: yt-dlp is given a copy in memory, as it would save the cookies that
YouTube sets. Only YouTube's cookies are taken and checked: a browser exports those of every
site, and errors in the others do not matter here. No message repeats a line of it.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.held_files import retried

_MOST_BYTES = 64 * 2**20  # a file: browsers with cookies of ten thousand sites export 3 MiB
_MOST_OURS = 2**20  # characters: YouTube sets some 20 cookies
_HEADER = "# Netscape HTTP Cookie File\n"
_HTTP_ONLY = "#HttpOnly_"
_FIELDS = ("domain", "subdomains", "path", "secure", "expiry", "name", "value")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS = re.compile(r" *(?:#HttpOnly_)? *\.?(?:[a-z0-9-]+\.)*youtube\.com(?=[ \t]|$)", re.IGNORECASE)
_EXPIRY = re.compile(r"(-?[0-9]{1,18})(\.[0-9]*)?(e\+?[0-9]{1,2})?", re.IGNORECASE)
_LATEST_S = 253_402_300_799  # the year 9999
_SHORTEST_SECRET = 8  # shorter values are settings, such as a language


def read_cookies(path: str | os.PathLike[str]) -> str:
    """YouTube's cookies in a file of Netscape's format, in the same format.

    Unambiguous variants that other programs write are normalized: "true" for
    TRUE, an expiry of -1 or 1.9e+09, a domain whose dot does not fit its flag, any line end.

    Raises:
        InvalidParameters: it cannot be read, holds none of YouTube's, one of these is wrong, or it
            is open to every user of this machine.
        StorageBusy: another program holds it.
    """
    shown = f"cookies_file {str(path)!r}"
    text = _text(Path(path))
    kept: list[str] = []
    # Not splitlines(): a value may hold what that takes for a line end, such as U+2028.
    for number, line in enumerate(re.split("\r\n|\n|\r", text), 1):
        if _OURS.match(line):
            try:
                kept.append(_put_right(line))
            except ValueError as error:
                raise InvalidParameters(f"{shown}, line {number}: {error}") from None
    if not kept:
        is_json = text.lstrip("\ufeff \r\n\t")[:1] in ("[", "{")
        is_other = "HTTP Cookie File" not in text and not re.search(r"(?:[^\t\n]*\t){6}", text)
        found = "it is JSON" if is_json else "it is not a cookies.txt"
        hint = f": {found}; export it as cookies.txt, in Netscape's format" if is_other else ""
        raise InvalidParameters(f"{shown} holds no cookie of youtube.com{hint}")
    if sum(map(len, kept)) > _MOST_OURS:
        raise InvalidParameters(f"{shown} holds more than a megabyte of cookies of youtube.com")
    return _HEADER + "".join(kept)


def values_of(cookies: str) -> set[str]:
    """Their values, which must not appear in messages."""
    values = {line.rpartition("\t")[2] for line in cookies.split("\n") if "\t" in line}
    return {value for value in values if len(value) >= _SHORTEST_SECRET}


def _put_right(line: str) -> str:
    """A cookie's line as yt-dlp takes it, with its line end.

    Raises:
        ValueError: it is not a cookie; the message says which field is wrong, without its value.
    """
    http_only = _HTTP_ONLY if line.lstrip().startswith(_HTTP_ONLY) else ""
    fields = line.lstrip().removeprefix(_HTTP_ONLY).lstrip(" ").split("\t")
    if len(fields) != len(_FIELDS):
        spaces = len(fields) == 1 and len(line.split()) >= len(_FIELDS) - 1
        found = "they are separated by spaces" if spaces else f"there are {len(fields)}"
        raise ValueError(f"a cookie has seven fields with tabs between them; {found}")
    domain, subdomains, path, secure, expiry, name, value = fields
    for field, text in zip(_FIELDS, fields):
        if "\ufffd" in text:
            raise ValueError(f"the field {field} is not UTF-8 text")
        if _CONTROLS.search(text):
            raise ValueError(f"the field {field} holds a control character")
    # A leading dot and the flag mean the same; yt-dlp refuses a line in which they differ.
    flag = subdomains.strip().upper()
    if domain.startswith(".") and flag not in ("TRUE", "FALSE"):
        raise ValueError("the field subdomains must be TRUE or FALSE")
    everywhere = domain.startswith(".") or flag == "TRUE"
    domain = f".{domain.lstrip('.')}" if everywhere else domain
    wanted = tuple(
        "TRUE" if flag else "FALSE" for flag in (everywhere, secure.strip().upper() == "TRUE")
    )
    moment = _expiry(expiry.strip())
    return (
        f"{http_only}{domain}\t{wanted[0]}\t{path or '/'}\t{wanted[1]}\t{moment}\t{name}\t{value}\n"
    )


def _expiry(text: str) -> int:
    """Epoch seconds; 0 for the end of the session, which some programs write as -1 or nothing."""
    if not text:
        return 0
    if not _EXPIRY.fullmatch(text):
        raise ValueError("the field expiry must be epoch seconds, or 0")
    return min(max(int(float(text)), 0), _LATEST_S)


def _text(path: Path) -> str:
    """Its text; invalid bytes, in any line, become U+FFFD."""
    shown = f"cookies_file {str(path)!r}"
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InvalidParameters(f"{shown} is not a file")
        if os.name == "posix" and status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
            # ssh treats keys likewise. Group access is allowed: services are given files that way.
            raise InvalidParameters(
                f"{shown} is open to every user of this machine, and anyone who "
                f"reads it is logged in as you: chmod 600 {str(path)!r}"
            )
        with retried(lambda: path.open("rb"), path) as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidParameters(f"{shown} cannot be read: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise InvalidParameters(f"{shown} is larger than {_MOST_BYTES // 2**20} MiB")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # as PowerShell redirects output
    return data.decode("utf-16" if wide else "utf-8-sig", errors="replace")
