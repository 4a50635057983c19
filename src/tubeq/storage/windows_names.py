"""Names that Windows gives to no file, or to another file than the one that was meant."""

from __future__ import annotations

import ntpath
import re

_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{port}{digit}" for port in ("COM", "LPT") for digit in "123456789¹²³"
}
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')


def why_refused(path: str) -> str | None:
    """Why Windows would store nothing, or something else, under that path, and what helps; None
    where it would store a file.

    A device (`NUL`, `com1.db`) swallows what is written; a colon names a stream inside another
    file; dots and spaces at the end are dropped, so that a database and its log get names that do
    not belong together. See "Naming Files, Paths, and Namespaces" in Microsoft's documentation.
    """
    drive, rest = ntpath.splitdrive(path)
    if drive.startswith(("\\\\.\\", "//./")):
        return "it is a device: name a file"
    for name in re.split(r"[\\/]", rest):
        if name in ("", ".", ".."):
            continue
        found = _FORBIDDEN.search(name)
        if found:
            return f"Windows allows no {found[0]!r} in a name: leave it out"
        if name.endswith((".", " ")):
            return f"Windows drops the dot or space at the end of {name!r}: leave it out"
        if name.partition(".")[0].rstrip(" ").upper() in _DEVICES:
            return f"{name!r} is a device on Windows: take another name"
    return None
