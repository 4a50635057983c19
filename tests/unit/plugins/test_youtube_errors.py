"""Every cause that yt-dlp is known to report, as it reports it: its code, and whether to retry.

The errors are built from yt-dlp's own classes, in the way in which it nests them.
"""

from __future__ import annotations

import email.message
import email.utils
import io
import json
import time
from typing import Any

import pytest
from yt_dlp.networking import exceptions as networking
from yt_dlp.networking.common import Response
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UserNotLive

from tubeq.domain.errors import PermanentError, PluginError, TransientError
from tubeq.plugins.youtube.errors import translate


def http_error(status: int, **headers: str) -> networking.HTTPError:
    message = email.message.Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    response = Response(io.BytesIO(), "https://www.youtube.com", message, status=status)
    return networking.HTTPError(response)


def reported(cause: Exception | str, *, wrapped: bool = False) -> DownloadError:
    """What `YoutubeDL.extract_info` raises for an extractor's error, or for a cause of one."""
    if isinstance(cause, str):
        cause = ExtractorError(cause, expected=True)
    elif wrapped:
        cause = ExtractorError("Unable to download API page", cause=cause, ie="youtube:tab")
    return DownloadError(f"ERROR: {cause}", (type(cause), cause, None))


def json_error() -> Exception:
    try:
        json.loads("{")
    except ValueError as error:
        return error
    raise AssertionError


FINAL: dict[str, list[Any]] = {
    "not_found": [reported(http_error(404), wrapped=True), http_error(410)],
    "channel_unavailable": [
        "YouTube said: This channel does not exist.",
        "YouTube said: This channel is not available.",
        "YouTube said: This account has been terminated for a violation of our terms.",
        "YouTube said: The playlist does not exist.",
        "The channel/playlist does not exist and the URL redirected to youtube.com home page",
        "YouTube said: Unviewable playlist",
    ],
    "tab_missing": ["This channel does not have a videos tab"],
    "video_unavailable": [
        "Video unavailable. This video has been removed",
        "Video unavailable. It contains content from X, who blocked it on copyright grounds",
        "This video is not available",
        "This video isn't available anymore",
        "This video is no longer available due to a copyright claim",
        "This video has been deleted",
        "This video does not exist.",
        "This live stream recording is not available.",
    ],
    "private": ["Private video. Sign in if you've been granted access to this video"],
    "age_restricted": ["Sign in to confirm your age. This video may be inappropriate"],
    "geo_blocked": [
        reported(GeoRestrictedError("The uploader has not made this video available")),
        "The uploader has not made this video available in your country",
    ],
    "members_only": [
        "Join this channel to get access to members-only content",
        "This video requires payment to watch",
        "This video is available to this channel's members on level: Tea",
    ],
    "unsupported_url": [DownloadError("ERROR: No suitable extractor found for URL https://x/")],
    "certificate": [reported(networking.CertificateVerifyError("no issuer"), wrapped=True)],
    "proxy_unusable": [
        networking.RequestError('Proxy "u:p@h" missing scheme'),
        networking.RequestError('Unsupported proxy type: "gopher"'),
    ],
}

PASSING: dict[str, list[Any]] = {
    "bot_check": [
        "Sign in to confirm you\u2019re not a bot. This helps protect us",
        "Sign in to confirm you're not a bot",
        "Sorry. YouTube is requiring a captcha challenge before playback",
        "We have been receiving a large volume of requests from your network",
    ],
    "rate_limited": [
        "The current session has been rate-limited by YouTube for up to an hour.",
        "This content isn't available, try again later",
        "All player responses are invalid. Your IP is likely being blocked by Youtube",
    ],
    "upcoming": [
        "This live event will begin in 3 hours.",
        "Premieres in 2 days",
        "Premiere will begin shortly",
    ],
    "not_live": [reported(UserNotLive()), "Offline."],
    "processing": ["We're processing this video. Check back later.", "This live event has ended."],
    "http_429": [reported(http_error(429), wrapped=True)],
    "http_403": [reported(http_error(403), wrapped=True)],
    "server_error": [reported(http_error(status), wrapped=True) for status in (500, 503)],
    "timeout": [
        reported(networking.TransportError("The read operation timed out"), wrapped=True),
        TimeoutError("timed out"),
    ],
    "connection": [
        reported(networking.TransportError("Connection reset by peer"), wrapped=True),
        reported(networking.ProxyError("('Unable to connect to proxy', reset)")),
        ConnectionResetError(104, "Connection reset by peer"),
    ],
    "proxy": [reported(networking.ProxyError("Tunnel connection failed: 502 Bad Gateway"))],
    "incomplete": [
        reported(networking.IncompleteRead(10, 20), wrapped=True),
        "Incomplete data received",
        "Incomplete yt initial data received",
    ],
    "bad_response": [
        reported(ExtractorError("Failed to parse JSON", cause=json_error())),
        json_error(),
        "Failed to resolve url (does the playlist exist?)",
        "Unable to recognize tab page",
    ],
    "unexpected": [
        "This video is not available on this device",
        KeyError("INNERTUBE_CONTEXT"),
        reported(ExtractorError("An extractor error has occurred.", cause=KeyError("x"))),
        AttributeError("'NoneType' object has no attribute 'get'"),
        RecursionError(),
        "YouTube said: The moon is full.",
    ],
}


def translated(error: Exception, *warnings: str, secrets: tuple[str, ...] = ()) -> PluginError:
    return translate(error, warnings, secrets)


CASES = [
    (code, error, kind)
    for kind, by_code in ((PermanentError, FINAL), (TransientError, PASSING))
    for code, errors in by_code.items()
    for error in errors
]


@pytest.mark.parametrize(("code", "error", "kind"), CASES)
def test_what_will_not_pass_and_what_may(code: str, error: Any, kind: type[Exception]) -> None:
    failure = translated(reported(error) if isinstance(error, str) else error)
    assert (failure.code, type(failure)) == (code, kind)


def retry_after(value: object, **headers: str) -> networking.HTTPError:
    """A refusal that says when to come back: a text, or a time in seconds since 1970."""
    if isinstance(value, (int, float)):
        value = email.utils.formatdate(value, usegmt=True)
    return http_error(429, Retry_After=str(value), **headers)


@pytest.mark.parametrize(
    ("error", "at_least_s", "at_most_s"),
    [
        (reported("Sign in to confirm you\u2019re not a bot"), 3600, 3600),
        (reported("rate-limited by YouTube for up to an hour"), 3600, 3600),
        (reported("Premieres in 5 minutes"), 60, 86_400),
        (reported("This live event will begin in 2 months"), 59 * 86_400, 61 * 86_400),
        (reported("Premieres in 9999 years"), 365 * 86_400, 366 * 86_400),
        (reported(http_error(429), wrapped=True), 60, 3600),
        (reported(retry_after("30"), wrapped=True), 30, 30),
        (reported(http_error(503, Retry_After="7"), wrapped=True), 7, 7),
        (retry_after(time.time() + 9000), 6000, 9000),
        (retry_after("9" * 400), 86_400, 86_400),
        # This machine's clock is wrong:
        (retry_after(10**9 + 90, Date=email.utils.formatdate(10**9, usegmt=True)), 90, 90),
        (retry_after(email.utils.formatdate(time.time() + 9000), Date="now"), 6000, 9000),
        (retry_after(email.utils.formatdate(time.time() + 9000)[:-6]), 6000, 9000),
        (retry_after("soon"), 60, 3600),
        (retry_after("-5"), 60, 3600),
        (retry_after("٣"), 60, 3600),
    ],
)
def test_how_long_to_wait(error: Exception, at_least_s: float, at_most_s: float) -> None:
    failure = translated(error)
    assert isinstance(failure, TransientError)
    assert failure.retry_after_s is not None
    assert at_least_s <= failure.retry_after_s <= at_most_s


def test_a_passing_failure_without_a_wait_leaves_it_to_the_policy() -> None:
    failure = translated(reported(http_error(500), wrapped=True))
    assert isinstance(failure, TransientError)
    assert failure.retry_after_s is None


@pytest.mark.parametrize(
    "text", ["No video formats found!", "Failed to extract any player response"]
)
@pytest.mark.parametrize(
    ("warning", "code"),
    [
        ("[youtube] Unable to download API page: HTTP Error 429: Too Many Requests", "http_429"),
        ("[youtube] Unable to download API page: HTTP Error 503: Unavailable", "server_error"),
        ("[youtube] The read operation timed out. Retrying (1/1)...", "timeout"),
        ("[youtube] Sign in to confirm you\u2019re not a bot", "bot_check"),
        ("[youtube] [Errno 104] Connection reset by peer. Retrying (1/1)...", "connection"),
        ("[youtube] Remote end closed connection without response", "connection"),
        ("[youtube] 10 bytes read, 20 more expected. Retrying (1/1)...", "incomplete"),
        ("[youtube] nothing known", "bad_response"),
    ],
)
def test_a_vague_error_is_judged_by_the_warnings(text: str, warning: str, code: str) -> None:
    failure = translated(reported(text), warning, "unrelated")
    assert (failure.code, type(failure)) == (code, TransientError)
    assert str(failure).startswith(text)
    assert (warning in str(failure)) == (code != "bad_response")


def test_a_clear_error_is_not_judged_by_the_warnings() -> None:
    assert translated(reported("Private video"), "HTTP Error 429").code == "private"


def test_messages_are_plain_short_and_hold_no_secrets() -> None:
    error = reported("nul\x00 \x1b[31m http://me:hunter2@proxy:1 and hunter2 " + "x" * 5000)
    message = str(translated(error, secrets=("hunter2",)))
    assert message.isprintable()
    assert len(message) < 600
    assert "hunter2" not in message


def test_a_secret_does_not_change_the_verdict() -> None:
    assert translated(reported("Private video"), secrets=("video",)).code == "private"


def test_errors_in_a_ring_come_to_an_end() -> None:
    one, two = KeyError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one
    assert translated(one).code == "unexpected"
