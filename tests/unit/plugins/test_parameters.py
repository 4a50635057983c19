"""What a declaration accepts, refuses, and says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from tubeq.domain.errors import InvalidParameters
from tubeq.plugins.parameter_types import Choice, Day, Flag, Kind, Text, Whole
from tubeq.plugins.parameters import Parameters, declared, parameter, shown


@dataclass(frozen=True)
class Tea(Parameters):
    leaf: str = parameter(Text(10), "The kind.")
    cups: int = parameter(Whole(1, 6), "How many.", default=2)
    milk: bool = parameter(Flag(), "Whether.", default=False)
    sugar: str = parameter(Choice(("none", "some")), "How much.", default="none")
    day: date | None = parameter(Day(), "When.", default=None)

    def check_together(self) -> None:
        if self.milk and self.leaf == "green":
            raise InvalidParameters("no milk with green tea")


def test_defaults_stand_in_for_what_is_not_given() -> None:
    assert Tea.of({"leaf": " black "}) == Tea("black", 2, False, "none", None)
    assert Tea.of({"leaf": "x", "day": "2027-01-31"}).day == date(2027, 1, 31)
    assert Tea.of({"leaf": "x", "day": None}).day is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "missing parameter: leaf, text of 1 to 10 characters, none of them a control"),
        ({"leaf": None}, "leaf must be text"),
        ({"leaf": "x", "cups": 7}, "cups must be a whole number from 1 to 6, not 7"),
        ({"leaf": "x", "cups": None}, "cups must be a whole number from 1 to 6, not None"),
        ({"leaf": "x", "milk": "yes"}, "milk must be true or false, not 'yes'"),
        ({"leaf": "x", "sugar": "lots"}, "sugar must be one of none, some, not 'lots'"),
        ({"leaf": "x", "day": "today"}, "day must be a day such as 2027-01-31, not 'today'"),
        ({"leaf": "x", "cup": 1}, "unknown parameter 'cup', did you mean cups?; it takes leaf, "),
        ({"leaf": "x", "zzz": 1}, "unknown parameter 'zzz'; it takes leaf, cups, milk, sugar, day"),
        ({"leaf": "green", "milk": True}, "no milk with green tea"),
    ],
)
def test_a_refusal_names_the_key_the_value_and_what_is_right(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidParameters) as caught:
        Tea.of(given)
    assert str(caught.value).startswith(message)


REFUSED: list[tuple[Kind, list[Any]]] = [
    (Whole(1, 9), [0, 10, -1, True, 1.0, "1", None, [], 10**400, float("nan")]),
    (Choice(("a", "b")), ["c", "A", "", "ab", None, 1, ["a"], {}]),
    (Flag(), ["true", 1, 0, None, []]),
    (Text(5), ["", "  ", "sixsix", "nul\x00", "l\nf", "\ud800", "\u202e", None, 1, "x" * 10**6]),
    (
        Day(),
        ["2027-02-30", "2027-13-01", "0000-01-01", "2027-1-1", "20270101", "2027-01-01T00:00",
         "\uff12\uff10\uff12\uff17-01-01", " 2027-01-01", "", None, 20270101],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value"),
    [(kind, value) for kind, values in REFUSED for value in values],
    ids=lambda each: ascii(each)[:40],
)
def test_refused_values(kind: Kind, value: Any) -> None:
    @dataclass(frozen=True)
    class One(Parameters):
        it: Any = parameter(kind, "It.")

    with pytest.raises(InvalidParameters, match=r"^it must be ") as caught:
        One.of({"it": value})
    message = str(caught.value)
    assert kind.wanted in message
    assert message.isprintable()
    assert len(message) < 500


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Whole(1, 9), "5", 5),
        (Whole(1, 9), "-5", -5),
        (Whole(1, 9), "five", "five"),
        (Whole(1, 9), "٣", "٣"),
        (Whole(1, 9), "9" * 5000, "9" * 5000),
        (Flag(), "true", True),
        (Flag(), "yes", "yes"),
        (Choice(("a",)), "b", "b"),
        (Text(5), "5", "5"),
        (Day(), "2027-01-31", "2027-01-31"),
    ],
)
def test_what_is_written_on_a_command_line(kind: Kind, text: str, value: Any) -> None:
    assert kind.from_text(text) == value


def test_a_schema_for_programs() -> None:
    assert Tea.json_schema() == {
        "type": "object",
        "properties": {
            "leaf": {"type": "string", "minLength": 1, "maxLength": 10, "description": "The kind."},
            "cups": {
                "type": "integer", "minimum": 1, "maximum": 6, "description": "How many.",
                "default": 2,
            },
            "milk": {"type": "boolean", "description": "Whether.", "default": False},
            "sugar": {"enum": ["none", "some"], "description": "How much.", "default": "none"},
            "day": {"type": "string", "format": "date", "description": "When."},
        },
        "required": ["leaf"],
        "additionalProperties": False,
    }  # fmt: skip


def test_the_declaration_can_be_read() -> None:
    assert [(each.name, each.required, each.default) for each in declared(Tea)] == [
        ("leaf", True, None),
        ("cups", False, 2),
        ("milk", False, False),
        ("sugar", False, "none"),
        ("day", False, None),
    ]


def test_what_is_shown_of_a_strangers_value() -> None:
    assert shown("http://me:hunter2@host/\x1b") == "'http://***@host/\\x1b'"
    assert len(shown("x" * 10_000)) == 200
    assert "hunter2" not in shown("http://me:" + "hunter2" * 100 + "@host")
    assert shown(10**5000) == "this int"
