"""Kinds of parameters: which values each takes, how it reads them, and how it tells of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from tubeq.plugins.text import plain_text

_MOST_CHARACTERS = 1000  # of any text: nothing here is longer, and patterns need not meet more


class Refused(ValueError):
    """A reader's answer to a value that it does not take; its text, if any, is a hint."""


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
        """The value as the plugin uses it.

        Raises:
            Refused: it is none of these values.
        """
        ...

    def from_text(self, text: str) -> Any:
        """What somebody who can only write text means; what cannot be meant stays text, and is
        refused by `read`."""
        ...


class _AsWritten:
    """A kind whose values are written as they are."""

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
            raise Refused
        return value

    def from_text(self, text: str) -> Any:
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else text


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

    @property
    def json_schema(self) -> Mapping[str, Any]:
        return {"type": "boolean"}

    def read(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise Refused
        return value

    def from_text(self, text: str) -> Any:
        return {"true": True, "false": False}.get(text, text)


@dataclass(frozen=True)
class Text(_AsWritten):
    """Text with something in it, and without characters that deceive. Spaces around it go."""

    most: int

    @property
    def wanted(self) -> str:
        return f"a text of 1 to {self.most} characters, none of them a control character"

    metavar = "TEXT"

    @property
    def json_schema(self) -> Mapping[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.most}

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
            raise Refused
        text = value.strip()
        if not 0 < len(text) <= self.most or plain_text(text) != text:
            raise Refused
        return text


@dataclass(frozen=True)
class Day(_AsWritten):
    """A day of the calendar, UTC."""

    wanted = "a day such as 2027-01-31"
    metavar = "YYYY-MM-DD"

    @property
    def json_schema(self) -> Mapping[str, Any]:
        return {"type": "string", "format": "date"}

    def read(self, value: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise Refused
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise Refused from None


@dataclass(frozen=True)
class Name(_AsWritten):
    """A name in one of its ways to be written, such as an id or an address.

    Args:
        reader: gives the one way that the plugin uses, made from nothing but what it recognised;
            gets no text that is longer than 1,000 characters, or holds one that deceives.
    """

    wanted: str
    metavar: str
    reader: Callable[[str], str]

    @property
    def json_schema(self) -> Mapping[str, Any]:
        return {"type": "string", "maxLength": _MOST_CHARACTERS}

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
            raise Refused
        text = value.strip()
        if plain_text(text) != text:
            raise Refused
        return self.reader(text)
