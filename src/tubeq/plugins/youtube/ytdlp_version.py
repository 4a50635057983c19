"""The oldest yt-dlp that may scrape: older ones have security holes that YouTube's pages can
exploit."""

from __future__ import annotations

import re
from importlib import metadata

from tubeq.domain.errors import PluginError

OLDEST = (2026, 7, 4)
"""It fixed CVE-2026-55404, -50019, -50023, -50574 and -26331."""


def version_problem(version: str | None) -> str | None:
    """What is wrong with a version of yt-dlp, and what to do; None where nothing is wrong.

    Args:
        version: as yt-dlp reports it, such as "2026.10.26"; None where it is not installed.
    """
    wanted = ".".join(map(str, OLDEST))
    install = f"pip install 'yt-dlp>={wanted}'"
    if version is None:
        return f"not installed: {install}"
    match = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})(?!\d)", version, re.ASCII)
    if match is None:
        return f"{version!r:.40} is not a version that can be compared with old ones: {install}"
    if tuple(map(int, match.groups())) < OLDEST:
        return f"{version:.40} has known security holes, {wanted} is the oldest without: {install}"
    return None


def installed_version() -> str | None:
    """The installed yt-dlp's version. Does not import it."""
    try:
        return metadata.version("yt-dlp")
    except metadata.PackageNotFoundError:
        return None


def check_version(version: str | None) -> None:
    """
    Raises:
        PluginError: it is too old, or unknown. It concerns the installation, not a task.
    """
    problem = version_problem(version)
    if problem is not None:
        raise PluginError(f"yt-dlp: {problem}", code="yt_dlp_too_old")
