"""Untrusted text, made safe for terminals, logs and databases."""

from __future__ import annotations

import re
from collections.abc import Iterable


def plain_text(text: str, max_length: int = 10_000) -> str:
    """The text without characters that can mislead readers.

    Control characters, bidirectional overrides and lone surrogates are dropped, line breaks and
    tabs become spaces, and at most `max_length` characters are kept.
    """
    return _MISLEADING.sub("", _LINE_ENDS.sub(" ", text[:max_length])).strip()


def bare(text: str) -> str:
    """The text without surrounding spaces and invisible characters: copying adds these,
    and pages that mix writing from the left and from the right put them around names."""
    while (shorter := text.strip().strip(_UNSEEN)) != text:
        text = shorter
    return text


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with "***" in place of the secrets, and of user names and passwords in URLs."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return re.sub(r"(?<=//)[^/\s@]+@", "***@", text)


_UNSEEN = "".join(
    map(chr, [0xAD, 0x61C, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0xFEFF])
) + "".join(map(chr, range(0x2060, 0x2070)))
_LINE_ENDS = re.compile("[\n\r\t\u2028\u2029]")
_MISLEADING = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
