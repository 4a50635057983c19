"""Channel names in any script, and the one spelling by which they are compared.

A letter with a mark can be one character or two, and a handle is the same in upper and lower case.
What is compared or stored is normalized here.
"""

from __future__ import annotations

import unicodedata

LONGEST_NAME = 90
"""Characters. YouTube's own are shorter: handles have up to 30."""
_BESIDE = frozenset("._-·・")
# Persian, Hindi and Malayalam words hold these between letters; they are not printable.
_JOINERS = frozenset("\u200c\u200d")


def composed(text: str) -> str:
    """The text in Unicode's composed form (NFC), in which YouTube writes its names."""
    return unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """The one spelling by which names are compared: composed, in lower case."""
    return composed(composed(text).lower())


def is_name(text: str) -> bool:
    """Whether it can be a channel's name in an address: at most `LONGEST_NAME` letters, marks and
    digits of any script, the characters ``. _ - ·``, and joiners between letters; among them at
    least one letter, digit or "_"."""
    kinds = [unicodedata.category(character)[0] for character in text]
    known = all(
        kind in "LMN" or character in _BESIDE or character in _JOINERS
        for kind, character in zip(kinds, text, strict=True)
    )
    return (
        known and len(text) <= LONGEST_NAME and ("_" in text or any(kind in "LN" for kind in kinds))
    )


def is_shown(character: str) -> bool:
    """Whether a stored name may contain it: printable, or a joiner."""
    return character.isprintable() or character in _JOINERS
