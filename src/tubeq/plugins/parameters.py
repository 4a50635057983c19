"""The parameters of a task type, each declared once.

    @dataclass(frozen=True)
    class TeaParameters(Parameters):
        leaf: str = parameter(Text(40), "The kind of tea.")
        cups: int = parameter(Whole(1, 6), "How many.", default=2)

From that follow the check when a task is created, the same check when it is run, the command line's
options, every error message, and a JSON schema. Plain data classes are enough, since apart from
whole numbers the work is reading YouTube's names, which no schema library does.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, NamedTuple, TypeVar

from tubeq.domain.errors import InvalidParameters
from tubeq.plugins.parameter_types import Implied, Kind, Refused
from tubeq.plugins.text import plain_text, redacted

_P = TypeVar("_P", bound="Parameters")


class Declared(NamedTuple):
    """One parameter of a task type. `default` is meaningless where it is required."""

    name: str
    kind: Kind
    help: str
    required: bool
    default: Any

    def checked(self, value: Any) -> Any:
        """The value as the plugin uses it; see `Kind.read`.

        Raises:
            InvalidParameters: it is not valid; the message names the parameter.
        """
        if value is None and self.default is None and not self.required:
            return None
        try:
            return self.kind.read(value)
        except Refused as refusal:
            hint = f": {refusal}" if str(refusal) else ""
            raise InvalidParameters(
                f"{self.name} must be {self.kind.wanted}, not {shown(value)}{hint}"
            ) from None

    def from_text(self, text: str) -> Any:
        """The value that a string stands for, such as on a command line; "null" stands for None
        unless the parameter has a value that is written so."""
        meant = self.kind.from_text(text)
        if text == "null" and self.default is None and not self.required:
            with suppress(Refused):
                self.kind.read(meant)
                return meant
            return None
        return meant


def parameter(kind: Kind, help: str, default: Any = MISSING) -> Any:  # noqa: A002 - as typer's
    """Declare a parameter.

    Args:
        kind: the values that it takes. None is taken as well where it is the default.
        help: a sentence for people.
        default: for a task that does not name it; without one it is required.
    """
    return field(default=default, metadata={"kind": kind, "help": help})


@dataclass(frozen=True)
class Parameters:
    """The parameters of a task, checked. Subclasses are frozen data classes of `parameter`s."""

    @classmethod
    def of(cls: type[_P], given: Mapping[str, Any] | _P) -> _P:
        """The given parameters, checked, with defaults for the rest; checked ones are returned
        unchanged.

        Raises:
            InvalidParameters: something is missing, unknown or wrong; the message names it, what
                it is, and what would be right.
        """
        if not isinstance(given, Mapping):
            return given
        known = {each.name: each for each in declared(cls)}
        for name in given:
            if name not in known:
                raise InvalidParameters(_unknown(name, list(known)))
        values: dict[str, Any] = {}
        implied: dict[str, tuple[str, Any]] = {}
        for name, each in known.items():
            if name not in given:
                if each.required:
                    raise InvalidParameters(f"missing parameter: {name}, {each.kind.wanted}")
                continue
            value = each.checked(given[name])
            if isinstance(value, Implied):
                implied.update({other: (name, also) for other, also in value.others.items()})
                value = value.value
            values[name] = value
        for name, (by, said) in implied.items():
            if name not in known:
                raise InvalidParameters(f"{by} says {name}={shown(said)}, which is not taken here")
            value = known[name].checked(said)
            if values.setdefault(name, value) != value:
                raise InvalidParameters(
                    f"{name} is {shown(given[name])}, but {by} says {shown(said)}: give one of them"
                )
        made = cls(**values)
        made.check_together()
        return made

    def check_together(self) -> None:
        """What cannot be checked for one parameter alone.

        Raises:
            InvalidParameters: they contradict each other.
        """

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The same for programs: JSON Schema, 2020-12. Only `of` checks names, too."""
        properties = {}
        for each in declared(cls):
            properties[each.name] = {**each.kind.json_schema, "description": each.help}
            if each.default is not None:
                properties[each.name]["default"] = each.default
        return {
            "type": "object",
            "properties": properties,
            "required": [each.name for each in declared(cls) if each.required],
            "additionalProperties": False,
        }


def declared(parameters: type[Parameters]) -> tuple[Declared, ...]:
    """The parameters of a task type, in the order of their declaration."""
    return tuple(
        Declared(
            each.name,
            each.metadata["kind"],
            each.metadata["help"],
            required=each.default is MISSING,
            default=None if each.default is MISSING else each.default,
        )
        for each in fields(parameters)
    )


@dataclass(frozen=True)
class Preset:
    """A named variant of a task type, with some of its parameters preset.

    Args:
        task_type: which type.
        help: a sentence for people.
        parameters: values that a task has unless it sets others.
    """

    task_type: str
    help: str
    parameters: Mapping[str, Any]


def shown(value: object) -> str:
    """An untrusted value for an error message: short, harmless, and without passwords."""
    try:
        text = plain_text(redacted(repr(value)))
    except (ValueError, RecursionError):  # too long a number, or too deeply nested a value
        text = f"this {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:199]}…"


def _unknown(name: object, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(str(name), known, 1)
    meant = f", did you mean {close[0]}?" if close else ""
    return f"unknown parameter {shown(name)}{meant}; it takes {', '.join(known) or 'none'}"
