"""How every command is called: its options as they are given, and one line for what is refused."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from tubeq.cli import scrape_commands
from tubeq.cli.console import say_error
from tubeq.cli.options import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_WORK_FAILED
from tubeq.domain.errors import InvalidParameters, StorageNotSynced, TubeqError

WORK = "Work"
_USAGE_ERROR: Any = typer.BadParameter.__base__
_PARSER_ERROR: Any = _USAGE_ERROR.__base__
_PLAIN_WORDS = (
    (r"Value error, ", ""),
    (r"Input should be a valid integer\b.*", "must be a whole number"),
    (r"Input should be a valid number\b.*", "must be a number"),
    (r"Input should be greater than or equal to (\S+)", r"must be \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"must be \1 or less"),
    (r"Invalid value for '?([^':]+)'?: ", r"\1: "),
)
"""What the parser's library says, and what is meant."""


class Commands(TyperGroup):
    """Turns what commands raise into one line and an exit code: no user sees a traceback.

    The commands that scrape are made when they are asked for: that needs their plugins. The list of
    all commands does without.
    """

    _only_listed = False
    _given: Sequence[str] = ()

    def list_commands(self, ctx: Any) -> list[str]:
        return [*scrape_commands.COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in scrape_commands.COMMANDS:
            make = scrape_commands.listed if self._only_listed else scrape_commands.command
            return make(cmd_name, WORK)
        return super().get_command(ctx, cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._only_listed = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._only_listed = False

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except _PARSER_ERROR as error:
            code = _said(error)
        except typer.Abort:
            code = EXIT_INTERRUPTED
        sys.exit(code if isinstance(code, int) else 0)

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        self._given = args = _without_colors(args)
        for name in _empty(args):
            raise _USAGE_ERROR(f"{name} is empty: give a value, or leave it out", ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InvalidParameters as error:
            say_error(in_words_of(self._given, str(error)))
        except StorageNotSynced as error:
            # What is stored must not read as refused, or a script would do it again.
            say_error(str(error))
            raise typer.Exit(EXIT_WORK_FAILED) from None
        except TubeqError as error:
            say_error(str(error))
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None
        raise typer.Exit(EXIT_BAD_INPUT)


def in_words_of(given: Sequence[str], message: str) -> str:
    """The message with the names of parameters as the command line has them: "max_results must be"
    becomes "--max-results must be" where that option was given. What is quoted stays."""
    for option in {each.partition("=")[0] for each in given if each.startswith("--")}:
        name = option[2:].replace("-", "_")
        if re.fullmatch(r"[a-z]\w*", name):
            # A name of one word may be a word of the sentence, too.
            before = r"(?<![\w'\"-])" if "_" in name else r"(?:(?<=^)|(?<=give )|(?<= or ))"
            message = re.sub(rf"{before}{name}(?![\w'\"-])", option, message)
    return message


def _said(error: Any) -> int:
    """Say what the parser refuses; help that stands in for a command is no error text."""
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError" or "\n" in message.strip():
        error.show()
        return int(error.exit_code)
    for library, plain in _PLAIN_WORDS:
        message = re.sub(library, plain, message)
    ctx = getattr(error, "ctx", None)
    where = "" if ctx is None else f" (see `{ctx.command_path} --help`)"
    say_error(message.rstrip(". ") + where)
    return int(error.exit_code)


def _without_colors(args: Sequence[str]) -> list[str]:
    """The arguments without --color and --no-color, which hold wherever they stand."""
    end = args.index("--") if "--" in args else len(args)
    chosen = [each for each in args[:end] if each in ("--color", "--no-color")]
    if chosen:
        on, off = ("FORCE_COLOR", "NO_COLOR") if chosen[-1] == "--color" else (
            "NO_COLOR", "FORCE_COLOR"
        )  # fmt: skip
        os.environ[on] = "1"
        os.environ.pop(off, None)
    return [each for each in args[:end] if each not in chosen] + list(args[end:])


def _empty(args: Sequence[str]) -> Iterator[str]:
    """What was given as nothing: mostly a variable of a script that is not set."""
    for before, each in zip(["", *args], args):
        if each == "" and before != "--db":  # opening the database says what that needs
            yield before if before.startswith("-") else "an argument"
        elif re.fullmatch("--[^=]+=", each) and each != "--db=":
            yield each[:-1]
