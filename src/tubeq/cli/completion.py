"""`tubeq completion`: completion of commands and options in shells.

A shell's script calls `tubeq` with the words of the line in the variable _TUBEQ_COMPLETE, separated
by the character US (0x1f); the last one is the word to complete. `tubeq` prints the candidates, one
per line; where there are none, the shell completes file names.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tubeq.cli import commands
from tubeq.cli.parser import Parser, UsageError, argument, command

SHELLS = ("bash", "zsh", "fish", "powershell")
"""Each has a script in `completion_scripts`."""


@command(argument("shell", "SHELL", f"One of {', '.join(SHELLS)}.", choices=SHELLS))
def completion(given: Namespace) -> None:
    """Print a shell's completion script.

    To install it:

      tubeq completion bash > ~/.local/share/bash-completion/completions/tubeq
      tubeq completion zsh > "${fpath[1]}/_tubeq"
      tubeq completion fish > ~/.config/fish/completions/tubeq.fish
      tubeq completion powershell >> $PROFILE

    Then start a new shell.
    """
    script = Path(__file__).parent / "completion_scripts" / given.shell
    sys.stdout.write(script.read_text("utf-8"))


def complete(line: str) -> int:
    """Print what the last word of a command line can be completed to; the exit code."""
    *words, begun = line.split("\x1f")
    with suppress(UsageError):
        for each in candidates(words, begun):
            if each.startswith(begun):
                print(each)
    return 0


def candidates(words: Sequence[str], begun: str) -> Sequence[str]:
    """The words that may follow these.

    Raises:
        UsageError: nothing may: these words are wrong.
    """
    if not words:
        top = ["--help", "--version", "--color", "--no-color"]
        return top if begun.startswith("-") else commands.inside("")
    name, called, rest = commands.find(words)
    inside = [each.rpartition(" ")[2] for each in commands.inside(name)]
    if called is None:
        return ["--help"] if begun.startswith("-") else inside
    parser = Parser(name, called)
    pending = parser.options.get(rest[-1]) if rest else None
    if pending is not None and pending.nargs != 0:
        return _choices(pending)
    if begun.startswith("-"):
        return [each for each in parser.options if each.startswith("--")]
    _, given = parser.split(rest)
    if inside and not given:
        return inside
    following = parser.positionals[len(given) :][:1]
    return [choice for each in following for choice in _choices(each)]


def _choices(action: Any) -> Sequence[str]:
    return list(action.choices or getattr(action.type, "choices", ()))
