"""Types of parameters: which values each takes, how it reads them, and how messages describe
them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, NamedTuple, Protocol

from tubeq.domain.handles import composed
from tubeq.plugins.text import bare, plain_text

_MOST_CHARACTERS = 1000  # of any text: no value is longer, and patterns need not match more


class Refused(ValueError):
    """Raised by a reader for a value that it does not take; its text, if any, is a hint."""


class Implied(NamedTuple):
    """A value that also implies other parameters (by name, not yet checked), such as the address of
    a channel's tab."""

    value: Any
    others: Mapping[str, Any]


class Kind(Protocol):
    """The values that a parameter takes."""

    @property
    def wanted(self) -> str:
        """The values in words, after "must be"."""
        ...

    @property
    def metavar(self) -> str:
        """The same in one word, for the command line."""
        ...

    @property
    def json_schema(self) -> Mapping[str, Any]:
        """The same for programs."""
        ...

    def read(self, value: Any) -> Any:
        """The value as the plugin uses it; or that as Implied.

        Raises:
            Refused: it is not one of these values.
        """
        ...

    def from_text(self, text: str) -> Any:
        """The value that a string stands for, where only text can be written; others are returned
        unchanged, and refused by `read`."""
        ...


class _AsWritten:
    """A type whose values are written as they are."""

    def from_text(self, text: str) -> Any:
        return text


@dataclass(frozen=True)
class Whole:
    """Whole numbers, both ends included."""

    least: int
    most: int

    @property
    def wanted(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    metavar = "N"

    @property
    def json_schema(self) -> Mapping[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def read(self, value: Any) -> int:
        if type(value) is not int or not self.least <= value <= self.most:
            is_text = isinstance(value, str) and type(self.from_text(value)) is int
            raise Refused("write it without quotes" if is_text else "")
        return value

    def from_text(self, text: str) -> Any:
        return int(text) if re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text) else text


@dataclass(frozen=True)
class Choice(_AsWritten):
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def wanted(self) -> str:
        return f"one of {', '.join(self.words)}"

    @property
    def metavar(self) -> str:
        return f"[{'|'.join(self.words)}]"

    @property
    def json_schema(self) -> Mapping[str, Any]:
        return {"enum": list(self.words)}

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise Refused
        return value


@dataclass(frozen=True)
class Flag:
    """Yes or no."""

    wanted = "true or false"
    metavar = ""
    json_schema: ClassVar = {"type": "boolean"}

    def read(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise Refused
        return value

    def from_text(self, text: str) -> Any:
        return {"true": True, "false": False}.get(text.strip().lower(), text)


@dataclass(frozen=True)
class Text(_AsWritten):
    """Non-empty text without misleading characters. Spaces around it are removed."""

    most: int

    @property
    def wanted(self) -> str:
        return f"text of 1 to {self.most} characters, none of them a control character"

    metavar = "TEXT"

    @property
    def json_schema(self) -> Mapping[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.most}

    def read(self, value: Any) -> str:
        text = _text(value)
        if not 0 < len(text) <= self.most or plain_text(text) != text:
            raise Refused
        return text


@dataclass(frozen=True)
class Day(_AsWritten):
    """A day of the calendar, UTC."""

    wanted = "a day such as 2027-01-31"
    metavar = "YYYY-MM-DD"
    json_schema: ClassVar = {"type": "string", "format": "date"}

    def read(self, value: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise Refused
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise Refused from None


@dataclass(frozen=True)
class Name(_AsWritten):
    """A name in any of its spellings, such as an id or an address.

    Args:
        reader: returns the spelling that the plugin uses, or that as Implied, made only from what
            it recognised; it is never called with a string that is longer than 1,000 characters, or
            has a misleading one.
    """

    wanted: str
    metavar: str
    reader: Callable[[str], Any]
    json_schema: ClassVar = {"type": "string", "maxLength": _MOST_CHARACTERS}

    def read(self, value: Any) -> Any:
        text = bare(_text(value))
        if plain_text(text) != text:
            raise Refused("it holds a character that cannot be seen")
        return self.reader(text)


def _text(value: Any) -> str:
    """
    Raises:
        Refused: it is not a string, or a very long one.
    """
    if isinstance(value, (int, float)):  # 1984 is a title, and 12345678901 can be a video's id
        is_short = -1e18 < value < 1e18
        raise Refused(f'write it in quotes: "{json.dumps(value)}"' if is_short else "")
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
        raise Refused
    return composed(value.strip())
