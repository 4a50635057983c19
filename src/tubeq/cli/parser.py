"""How a command declares its arguments, and how a command line is parsed into them.

argparse converts values and writes the help. `Parser.split` sorts the words first, since argparse
alone is stricter than other programs: options may stand anywhere, an option's value may begin with
"-", and so may an argument after "--", or a video's id, as one id in 64 does.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple, NoReturn

from tubeq.cli.console import page_of, terminal_width
from tubeq.cli.tables import painted

_ID = re.compile(r"-[0-9A-Za-z_][0-9A-Za-z_-]{9}")

Run = Callable[[argparse.Namespace], None]


class UsageError(Exception):
    """A command line that cannot be parsed; the help of `command` explains it."""

    def __init__(self, message: str, command: str = "tubeq") -> None:
        super().__init__(f"{message} (see `{command} --help`)")


class Argument(NamedTuple):
    """An argument or option as `argparse.ArgumentParser.add_argument` takes it."""

    names: tuple[str, ...]
    settings: dict[str, Any]


def argument(names: str, metavar: str, about: str, **settings: Any) -> Argument:
    """Declare an argument, or an option where its names, such as "--yes -y", begin with "-"; with
    the settings of argparse."""
    return Argument(tuple(names.split()), {"metavar": metavar, "help": about, **settings})


def flag(names: str, about: str, **settings: Any) -> Argument:
    """Declare an option without a value."""
    return Argument(tuple(names.split()), {"help": about, "action": "store_true", **settings})


def choice(names: str, choices: type[Enum], about: str, **settings: Any) -> Argument:
    """Declare an argument that takes a member of an enumeration, by its value."""
    values = [str(each.value).lower() for each in choices]

    def read(text: str) -> Enum:
        if text.lower() not in values:
            raise argparse.ArgumentTypeError(
                f"{text!r:.60} is not one of {', '.join(values)}{alike(text.lower(), values)}"
            )
        return list(choices)[values.index(text.lower())]

    read.choices = values  # type: ignore[attr-defined]
    return argument(names, "|".join(values), about, type=read, **settings)


class Command:
    """A function that the command line can call; its docstring is the help.

    Args:
        function: called with the arguments.
        takes_ids: an argument that looks like a video's id is one, even if it begins with "-".
    """

    def __init__(
        self, function: Run, arguments: Sequence[Argument], *, takes_ids: bool = False
    ) -> None:
        self.run = function
        self.takes_ids = takes_ids
        self._arguments = arguments

    @property
    def help(self) -> str:
        """What it does: a sentence, and mostly more paragraphs."""
        from inspect import cleandoc  # which takes long to import

        return cleandoc(self.run.__doc__ or "")

    @property
    def arguments(self) -> Sequence[Argument]:
        """What it takes."""
        return self._arguments


def command(*arguments: Argument, takes_ids: bool = False) -> Callable[[Run], Command]:
    """Make a Command of a function."""
    return lambda function: Command(function, arguments, takes_ids=takes_ids)


class Parser(argparse.ArgumentParser):
    """Parses the arguments of a command of that name, such as "items show"; `epilog` follows its
    help."""

    def __init__(self, name: str, called: Command, epilog: str = "") -> None:
        prog = f"tubeq {name}"
        super().__init__(
            prog=prog,
            usage=" ".join([prog, "[OPTIONS]", *_usage_of(called.arguments)]),
            epilog=epilog,
            formatter_class=_Help,
            add_help=False,
            allow_abbrev=False,
        )
        self._called = called
        self.options: dict[str, argparse.Action] = {}
        self.positionals: list[argparse.Action] = []
        groups = self.add_argument_group("Arguments"), self.add_argument_group("Options")
        for each in (*called.arguments, _HELP_OPTION):
            group = groups[each.names[0].startswith("-")]
            action = group.add_argument(*each.names, **_explained(each.settings))
            self.options.update(dict.fromkeys(action.option_strings, action))
            if not action.option_strings:
                self.positionals.append(action)

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """The arguments by their names; prints the help and exits for --help.

        Raises:
            UsageError: they cannot be parsed.
        """
        options, arguments = self.split(words)
        if "--help" in options:
            self.print_help()
            raise SystemExit(0)
        known, extra = self.parse_known_args([*options, *(["--", *arguments] if arguments else [])])
        if extra:
            self.error(f"unexpected argument {next(each for each in extra if each != '--')!r:.60}")
        return known

    def first_argument(self, words: Sequence[str]) -> int | None:
        """The index of the first word that belongs to no option. Raises as `split`."""
        return next((index for index, option, _ in self._tokens(words) if option is None), None)

    def split(self, words: Sequence[str]) -> tuple[list[str], list[str]]:
        """The options, each as one word "--name" or "--name=value", and the other arguments.

        Raises:
            UsageError: an option is not known, lacks its value, or takes none.
        """
        options: list[str] = []
        arguments: list[str] = []
        for _, option, value in self._tokens(words):
            if option is None:
                arguments.append(value)
            else:
                name = option.option_strings[0]
                options.append(name if option.nargs == 0 else f"{name}={value}")
        return options, arguments

    def _tokens(self, words: Sequence[str]) -> Iterator[tuple[int, argparse.Action | None, str]]:
        """Options with their values, and other arguments (None), each with its place."""
        rest = iter(enumerate(words))
        for index, word in rest:
            if word == "--":
                yield from ((index, None, each) for index, each in rest)
            elif word[:1] != "-" or word == "-" or (self._called.takes_ids and _ID.fullmatch(word)):
                yield index, None, word
            else:
                name, equals, value = word.partition("=")
                if word[1] != "-":
                    name, equals, value = word[:2], word[2:], word[2:]
                option = self.options.get(name) or self._refuse_option(word)
                if option.nargs == 0 and equals:
                    self.error(f"{name} takes no value")
                if option.nargs != 0 and not equals:
                    following = next(rest, None)
                    if following is None:
                        self.error(f"{name} needs a value: {option.metavar}")
                    value = following[1]
                yield index, option, value

    def _refuse_option(self, word: str) -> NoReturn:
        name = word.partition("=")[0]
        hint = alike(name, self.options)
        if not hint and self.positionals:
            hint = f"; an argument that begins with - goes last, after --: `{self.prog} -- {word}`"
        self.error(f"no such option: {name}{hint}")

    def error(self, message: str) -> NoReturn:
        """Always raises UsageError."""
        message = re.sub(r"^argument ([^ :/]+)(?:/\S+)?: ", r"\1: ", message)
        message = re.sub("^the following arguments are required: ", "missing ", message)
        raise UsageError(message, self.prog)

    def format_help(self) -> str:
        """The help, its headings in bold where stdout has colors."""
        self.description = self._called.help
        page = page_of(sys.stdout)
        heading = re.compile(r"^(\w[\w ]*:)", re.MULTILINE)
        return heading.sub(lambda found: painted(found[1], "bold", page), super().format_help())


class _Help(argparse.HelpFormatter):
    """Keeps the paragraphs of descriptions, the lines of lists, and words with hyphens."""

    def __init__(self, prog: str) -> None:
        # Without a width argparse imports shutil to find one, and that all of its compressors.
        super().__init__(prog, width=terminal_width(sys.stdout) - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:  # noqa: ARG002
        return "\n\n".join(
            each if "  " in each else "\n".join(self._split_lines(each, width))
            for each in re.split(r"\n\s*\n", text)
        )

    def _split_lines(self, text: str, width: int) -> list[str]:
        from textwrap import wrap

        return wrap(" ".join(text.split()), width, break_on_hyphens=False)


_HELP_OPTION = flag("--help -h", "Show this help.")


def _usage_of(arguments: Iterable[Argument]) -> list[str]:
    shown = []
    for each in arguments:
        if not each.names[0].startswith("-"):
            name, count = each.settings["metavar"], each.settings.get("nargs")
            name = f"{name}..." if count in ("+", "*") else name
            shown.append(f"[{name}]" if count in ("?", "*") else name)
        elif each.settings.get("required"):
            shown.append(f"{each.names[0]} {each.settings['metavar']}")
    return shown


def _explained(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, with the default in the help where that does not say it yet."""
    words, default = settings["help"], settings.get("default")
    if words is argparse.SUPPRESS:
        return settings
    if default is not None and default is not False and "(default" not in words:
        words += f" (default: {getattr(default, 'value', default)})"
    return {**settings, "help": words.replace("%", "%%")}


def alike(word: str, known: Collection[str]) -> str:
    """A hint at the known word that is most like this one; "" where none is."""
    import difflib

    close = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {close[0]}?" if close else ""


def whole(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """A type: whole numbers in a range, both ends included; None where the command itself checks
    them."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,40}", text.strip()):
            raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r:.60}")
        value = int(text)
        if least is not None and value < least:
            raise argparse.ArgumentTypeError(f"must be {least} or more, not {value}")
        if most is not None and value > most:
            raise argparse.ArgumentTypeError(f"must be {most} or less, not {value}")
        return value

    return read


def number(text: str) -> float:
    """A type: a number; the command itself checks its range."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r:.60}") from None
