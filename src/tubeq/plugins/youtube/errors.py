"""What yt-dlp raises, as tubeq's errors: one table from causes to codes and retries.

It uses the types of exceptions and the text of these and of the warnings. yt-dlp's own flag
`expected` does not help: it distinguishes bugs from circumstances, not temporary from permanent
failures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from tubeq.domain.errors import PermanentError, PluginError, TransientError
from tubeq.plugins.text import plain_text, redacted


class _Rule(NamedTuple):
    """An error has the `code` when its chain contains one of the `kinds`, or its text matches.

    `retry_s` is the wait before the next attempt: 0 leaves it to the retry policy, None means no
    further attempt.
    """

    code: str
    retry_s: float | None
    text: str = r"(?!)"
    kinds: AbstractSet[str] = frozenset()


_HOUR = 3600.0
_WAITED_FOR = frozenset({"upcoming", "not_live", "processing", "bot_check", "rate_limited"})
"""Codes that mean "not yet", which is not a failure. So does an error that itself asks for a
wait."""
_RULES = (
    _Rule("not_found", None, r"HTTP Error (404|410)"),
    _Rule("bad_request", 0.0, r"HTTP Error 400"),  # such as for a page that has expired
    _Rule("http_429", 300.0, r"HTTP Error 429"),
    _Rule("http_403", 60.0, r"HTTP Error 403"),
    _Rule("server_error", 0.0, r"HTTP Error 5\d\d"),
    _Rule("bad_response", 0.0, r"HTTP Error 3\d\d"),  # a redirect to nowhere, or in a loop
    _Rule("bot_check", _HOUR, r"not a bot|captcha challenge|large volume of requests"),
    _Rule(
        "rate_limited",
        _HOUR,
        r"rate-limited by YouTube|isn.t available, try again later|IP is likely being blocked",
    ),
    _Rule("age_restricted", None, r"confirm your age|age-restricted|inappropriate for some users"),
    _Rule("geo_blocked", None, r"available in your (country|region)", {"GeoRestrictedError"}),
    _Rule(
        "members_only",
        None,
        r"Join this channel|members.only|channel.s members|requires payment|Premium member",
    ),
    _Rule("private", None, r"(video|channel|playlist) is private|Private video"),
    _Rule("upcoming", _HOUR, r"will begin|Premieres|has not started"),
    _Rule("not_live", _HOUR, r"not currently live|\boffline\.?$", {"UserNotLive"}),
    _Rule("processing", _HOUR, r"processing this video|live event has ended"),
    _Rule("tab_missing", None, r"does not have an? .* tab"),
    _Rule(
        "channel_unavailable",
        None,
        r"(channel|playlist)\S* (does not exist|is not available|was removed|type is unviewable)"
        r"|account \S* ?\S* ?terminated|redirected to youtube.com home page|Unviewable playlist",
    ),
    _Rule(
        "video_unavailable",
        None,
        r"Video unavailable|video (is|has been) \S* ?(removed|unava|deleted)|video does not exist"
        r"|(video|recording) (is not|isn.t|is no longer) available(?! on this)",
    ),
    _Rule("unsupported_url", None, r"No suitable extractor", {"UnsupportedError"}),
    _Rule("certificate", None, r"CERTIFICATE_VERIFY_FAILED", {"CertificateVerifyError"}),
    _Rule("proxy_unusable", None, r"proxy \S+ missing scheme|unsupported proxy|use an HTTPS proxy"),
    _Rule("proxy", 0.0, r"Tunnel connection failed"),
    _Rule(
        "incomplete",
        0.0,
        r"Incomplete (yt initial )?data|bytes read, \d+ more expected",
        {"IncompleteRead"},
    ),
    _Rule("timeout", 0.0, r"timed out"),
    _Rule(
        "connection",
        0.0,
        r"connection (was )?(reset|aborted|refused|forcibly closed)|closed (the )?connection"
        r"|EOF occurred",
        {"TransportError", "OSError"},
    ),
    _Rule(
        "bad_response",
        0.0,
        r"Failed to (parse JSON|resolve url|extract any)|No video formats found"
        r"|Unable to (recognize|extract|find selected)",
        {"JSONDecodeError"},
    ),
)
_ADVICE = re.compile(r"; please report this issue| Use --cookies| It is recommended to use `-t")
"""Where yt-dlp's advice for command-line users begins."""
_VAGUE = re.compile(r"No video formats found|Failed to extract any player response")
"""Where yt-dlp says this, the cause is in its warnings."""


def translate(error: Exception, warnings: Sequence[str], secrets: Iterable[str]) -> PluginError:
    """yt-dlp's error as one of tubeq's.

    Args:
        warnings: what yt-dlp warned of before it, oldest first.
        secrets: what must not appear in the message.
    """
    chain = _chain(error)
    text = _without_advice(str(error))
    kinds = frozenset(kind.__name__ for each in chain for kind in type(each).__mro__)
    rule = None
    if _VAGUE.search(text):
        causes = ((_rule(each), each) for each in reversed(warnings))
        rule, cause = next((each for each in causes if each[0]), (None, ""))
        text = f"{text}: {_without_advice(cause)}" if cause else text
    rule = rule or _rule(plain_text("\n".join(map(str, chain))), kinds)
    message = redacted(text, secrets)[:500]  # in this order: a truncated secret would not be found
    if rule is None:
        return TransientError(f"{type(chain[-1]).__name__}: {message}", code="unexpected")
    if rule.retry_s is None:
        return PermanentError(message, code=rule.code)
    asked_s = next(filter(None, map(_retry_after_s, chain)), None)
    begins_in_s = _begins_in_s(text) if rule.code == "upcoming" else None
    return TransientError(
        message,
        retry_after_s=asked_s or begins_in_s or rule.retry_s or None,
        code=rule.code,
        counted=asked_s is None and rule.code not in _WAITED_FOR,
    )


def _without_advice(text: str) -> str:
    return _ADVICE.split(plain_text(text).removeprefix("ERROR: "), maxsplit=1)[0]


_UNITS_S = {"second": 1, "minute": 60, "hour": _HOUR, "day": 24 * _HOUR, "week": 168 * _HOUR,
            "month": 720 * _HOUR, "year": 8760 * _HOUR}  # fmt: skip


def _begins_in_s(text: str) -> float | None:
    """The least time until the announced video begins: "Premieres in 3 days"."""
    found = re.search(r"\bin (\d{1,4}|an?) (second|minute|hour|day|week|month|year)s?\b", text)
    if found is None:
        return None
    count = int(found[1]) if found[1].isdigit() else 1
    return min(max(count * _UNITS_S[found[2]], 60.0), _LONGEST_S)


_LATE_S = 60.0
_BEGUN_S = 5.0
_LONGEST_S = 366 * 24 * _HOUR


def not_before(error: TransientError, begins_at: float | None, now: float) -> TransientError:
    """The error of an announced video, with its date.

    Args:
        error: says when to try again without a date.
        begins_at: epoch seconds; None where the page does not say.
        now: epoch seconds.
    """
    if begins_at is None:
        return error
    if begins_at <= now:  # it is late
        return TransientError(str(error), retry_after_s=_LATE_S, code=error.code, counted=False)
    at = min(begins_at + _BEGUN_S, now + _LONGEST_S)
    return TransientError(str(error), retry_at=at, code=error.code, counted=False)


def _rule(text: str, kinds: frozenset[str] = frozenset()) -> _Rule | None:
    for rule in _RULES:
        if rule.kinds & kinds or re.search(rule.text, text, re.IGNORECASE):
            return rule
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """The error and its causes, outermost first: yt-dlp keeps them in attributes of its own."""
    chain: list[BaseException] = []
    pending: list[object] = [error]
    while pending and len(chain) < 20:
        each = pending.pop(0)
        if isinstance(each, BaseException) and not any(each is known for known in chain):
            chain.append(each)
            exc_info = getattr(each, "exc_info", None) or (None, None)
            pending += [exc_info[1], getattr(each, "cause", None), each.__cause__]
    return chain


def _retry_after_s(error: BaseException) -> float | None:
    """What a Retry-After header asks for, in seconds, at most a day."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = (headers.get("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        wait_s = float(value)
    else:
        until = _moment(value)
        if until is None:
            return None
        # By the server's clock, where the answer has it: this machine's may be wrong.
        now = _moment(headers.get("Date") or "") or datetime.now(timezone.utc)
        wait_s = (until - now).total_seconds()
    return min(max(wait_s, 0.0), 24 * _HOUR)


def _moment(text: str) -> datetime | None:
    """A date in HTTP's format, UTC where it names no zone; None where it is not a date."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
