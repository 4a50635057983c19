"""How a search is sorted and filtered: YouTube's parameter `sp`, written and read.

It is a protocol buffer message in base64, of which only small whole numbers matter here: field
1 is the order; field 2 holds the filters, of which 1 is the age, 2 the kind of result and 3 the
length.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import quote, unquote

SORT = {"relevance": 0, "rating": 1, "date": 2, "views": 3}
UPLOADED = {"hour": 1, "today": 2, "week": 3, "month": 4, "year": 5}
DURATION = {"short": 1, "long": 2, "medium": 3}
_ONLY_VIDEOS = 1
_FILTERS_TAG = 2 << 3 | 2


def encoded(sort: str, uploaded: str | None, duration: str | None) -> str:
    """The value of `sp` for a page of results that has only videos.

    It is escaped once here and once more in an address, as in a browser's.
    """
    filters = _field(2, _ONLY_VIDEOS)
    if uploaded is not None:
        filters = _field(1, UPLOADED[uploaded]) + filters
    if duration is not None:
        filters += _field(3, DURATION[duration])
    order = _field(1, SORT[sort]) if SORT[sort] else b""
    return quote(base64.urlsafe_b64encode(order + bytes([_FILTERS_TAG, len(filters)]) + filters))


def decoded(sp: str) -> dict[str, str]:
    """The parameters `sort`, `uploaded` and `duration` in a value of `sp`. Other fields, and what
    cannot be read, are ignored."""
    text = unquote(unquote(sp)).rstrip("=")
    try:
        message = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return {}
    top, filters = _numbers(message)
    found = {
        "sort": _word(SORT, top.get(1)),
        "uploaded": _word(UPLOADED, filters.get(1)),
        "duration": _word(DURATION, filters.get(3)),
    }
    return {name: word for name, word in found.items() if word is not None}


def _numbers(message: bytes) -> tuple[dict[int, int], dict[int, int]]:
    """The small numbers of a message, and those of its filters, by their fields."""
    found: dict[int, int] = {}
    filters: dict[int, int] = {}
    while len(message) >= 2:
        tag, value, message = message[0], message[1], message[2:]
        if tag == _FILTERS_TAG:
            filters, message = _numbers(message[:value])[0], message[value:]
        elif tag & 7 == 0 and value < 128:
            found[tag >> 3] = value
        else:  # not written by `encoded`: the rest cannot be parsed
            break
    return found, filters


def _word(words: Mapping[str, int], number: int | None) -> str | None:
    return next((word for word, each in words.items() if each == number), None)


def _field(number: int, value: int) -> bytes:
    """A numbered field with a small whole number."""
    return bytes([number << 3, value])
