"""Why a video cannot be watched, in YouTube's own words.

world.video("abcdefghijk", problem=problems.PRIVATE)
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Problem:
    """What the player's answer says about a video.

    Args:
        status: YouTube's word for it.
        reason: the first line of what a viewer reads.
        detail: the second one.
        gives_details: whether the title and similar fields are given nevertheless.
        upcoming: whether the video is yet to begin.
        trailer: id of another video, which is shown instead.
        begins_at: when what is upcoming is said to begin, epoch seconds: from then on it can be
            watched.
        late_s: how much later than announced it begins.
    """

    status: str
    reason: str = ""
    detail: str = ""
    gives_details: bool = False
    upcoming: bool = False
    trailer: str | None = None
    begins_at: float | None = None
    late_s: float = 0.0


REMOVED = Problem("ERROR", "Video unavailable", "This video has been removed by the uploader")
UNKNOWN = Problem("ERROR", "This video is unavailable")
COPYRIGHT = Problem(
    "UNPLAYABLE",
    "Video unavailable",
    "This video contains content from Somebody, who has blocked it on copyright grounds",
)
PRIVATE = Problem(
    "LOGIN_REQUIRED",
    "Private video",
    "Sign in if you've been granted access to this video",
)
AGE_RESTRICTED = Problem(
    "LOGIN_REQUIRED",
    "Sign in to confirm your age",
    "This video may be inappropriate for some users.",
    gives_details=True,
)
GEO_BLOCKED = Problem(
    "UNPLAYABLE",
    "Video unavailable",
    "The uploader has not made this video available in your country",
    gives_details=True,
)
MEMBERS_ONLY = Problem(
    "UNPLAYABLE",
    "Join this channel to get access to members-only content like this video, and other perks.",
    gives_details=True,
)
PAYMENT = Problem("UNPLAYABLE", "This video requires payment to watch", gives_details=True)
UPCOMING = Problem(
    "LIVE_STREAM_OFFLINE",
    "This live event will begin in 3 hours.",
    gives_details=True,
    upcoming=True,
)
PREMIERE = Problem("LIVE_STREAM_OFFLINE", "Premieres in 5 hours", gives_details=True, upcoming=True)


def premiere(begins_at: float, reason: str = "Premieres soon", *, late_s: float = 0.0) -> Problem:
    """A video that can be watched from then on (epoch seconds), or a little later."""
    return replace(PREMIERE, reason=reason, begins_at=begins_at, late_s=late_s)


PROCESSING = Problem("UNPLAYABLE", "We're processing this video. Check back later.")
ENDED = Problem("LIVE_STREAM_OFFLINE", "This live event has ended.", gives_details=True)
NO_RECORDING = Problem("UNPLAYABLE", "This live stream recording is not available.")
BOT_CHECK = Problem(
    "LOGIN_REQUIRED",
    "Sign in to confirm you\u2019re not a bot",
    "This helps protect our community. Learn more",
)
RATE_LIMITED = Problem("UNPLAYABLE", "This content isn't available, try again later.")
SPEECHLESS = Problem("ERROR")
