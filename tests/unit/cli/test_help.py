"""The help of every command, and what is said of commands that there are not."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Command
from tubeq.cli import commands
from tubeq.cli.parser import Parser

NAMES = [name for name in commands.COMMANDS if commands.COMMANDS[name].target]


@pytest.mark.parametrize("name", NAMES)
def test_a_command_explains_itself(tubeq: Command, name: str) -> None:
    called = commands.load(name)
    assert called is not None
    assert called.help.splitlines()[0] == commands.COMMANDS[name].summary
    for asked in ("--help", "-h"):
        outcome = tubeq(*name.split(), asked)
        assert (outcome.exit_code, outcome.err) == (0, "")
        assert outcome.out.startswith(f"usage: tubeq {name} [OPTIONS]")
        assert max(map(len, outcome.out.splitlines())) <= 80


@pytest.mark.parametrize("name", NAMES)
def test_every_option_says_its_default(tubeq: Command, name: str) -> None:
    called = commands.load(name)
    assert called is not None
    parser = Parser(name, called)
    for action in {*parser.options.values(), *parser.positionals}:
        assert action.help
        if action.default not in (None, False, [], "==SUPPRESS=="):
            assert "default" in action.help, action.option_strings


def test_the_list_of_commands(tubeq: Command) -> None:
    listed = tubeq("--help")
    assert listed.exit_code == 0
    for name in commands.inside(""):
        assert f"\n  {name} " in listed.out
    assert max(map(len, listed.out.splitlines())) <= 100
    alone = tubeq()
    assert (alone.exit_code, alone.out, alone.err) == (2, "", listed.out)
    group, asked = tubeq("db"), tubeq("db", "--help")
    assert (group.exit_code, group.err) == (2, asked.out)
    assert asked.exit_code == 0


def test_the_version(tubeq: Command) -> None:
    assert tubeq("--version").out.startswith("tubeq ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["taks"], "no such command: 'taks'; did you mean tasks? (see `tubeq --help`)"),
        (["db", "chek"], "'db chek'; did you mean db check? (see `tubeq db --help`)"),
        (["items", "shw"], "did you mean items show?"),
        (["tasks", "--limt", "5"], "no such option: --limt; did you mean --limit?"),
        (["tasks", "--limt=5"], "no such option: --limt; did you mean --limit?"),
        (["tasks", "--status", "falied"], "did you mean failed?"),
        (["tasks", "--json=yes"], "--json takes no value"),
        (["tasks", "--limit"], "--limit needs a value: N"),
        (["tasks", "extra"], "unexpected argument 'extra'"),
        (["show"], "missing TASK_ID"),
        (["db", "prune"], "missing --older-than"),
        (["--jsn"], "no such option: --jsn"),
        (["completion", "tcsh"], "SHELL: "),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_what_would_be_right(
    tubeq: Command, arguments: list[str], words: str
) -> None:
    assert words in tubeq.refused(*arguments)


def test_options_stand_anywhere_and_may_have_any_value(tubeq: Command) -> None:
    for arguments in (["cancel", "a", "--db", "-x.db", "b"], ["cancel", "--db=-x.db", "--", "a"]):
        assert "no database at -x.db" in tubeq.refused(*arguments)
    assert "must be 1 or more, not -1" in tubeq.refused("tasks", "--limit", "-1")
    assert "no plugin" in tubeq.refused("add", "nothing", "-pa=1", "-p", "b=-2")
