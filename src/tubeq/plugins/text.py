"""Untrusted text, made safe for terminals, logs and databases."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def plain_text(text: str, max_length: int = 10_000) -> str:
    """The text without characters that can mislead readers.

    Control characters, bidirectional overrides and lone surrogates are dropped, line breaks and
    tabs become spaces, and at most `max_length` characters are kept.
    """
    kept = (
        " " if character in _SPACES else character
        for character in text[:max_length]
        if character in _SPACES or not _deceives(character)
    )
    return "".join(kept).strip()


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
_SPACES = frozenset("\n\r\t\u2028\u2029")


def _deceives(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cs")
        or "\u202a" <= character <= "\u202e"
        or "\u2066" <= character <= "\u2069"
    )
