"""The command `tubeq`: finds the command, runs it, and turns what it raises into an exit code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NoReturn

from tubeq.cli import commands
from tubeq.cli.console import say, say_error
from tubeq.cli.exit_codes import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_WORK_FAILED
from tubeq.domain.errors import InvalidParameters, StorageNotSynced, TubeqError
from tubeq.workers.standard_streams import OutputLost, guard, open_closed_descriptors

TRACEBACK = "TUBEQ_TRACEBACK"


def main() -> None:
    """Run the command that the process's arguments name, and exit with its code."""
    open_closed_descriptors()
    output = guard()
    if "_TUBEQ_COMPLETE" in os.environ:
        from tubeq.cli.completion import complete

        sys.exit(complete(os.environ["_TUBEQ_COMPLETE"]))
    if any(name.startswith("TUBEQ_") for name in os.environ):
        from tubeq.settings import unknown_variables

        for line in unknown_variables(os.environ):
            say(line)
    code = run(sys.argv[1:])
    with suppress(OutputLost):
        sys.stdout.flush()
    reason = None if output is None else output.lost
    if isinstance(reason, BrokenPipeError):  # the reader, such as `head`, has seen enough
        reason = None
    if reason is not None:
        say_error(f"standard output cannot be written: {OutputLost(reason)}; stored data is kept")
    if "tubeq.workers.plugin_output" in sys.modules:
        from tubeq.workers.plugin_output import leave_output

        leave_output()
    sys.exit(code or (EXIT_WORK_FAILED if reason else 0))


def run(words: Sequence[str]) -> int:
    """Run a command line; its exit code. Whatever goes wrong is one line on stderr."""
    try:
        _dispatch(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_WORK_FAILED
    except OutputLost:
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except InvalidParameters as error:
        say_error(in_words_of(words, str(error)))
        return EXIT_BAD_INPUT
    except TubeqError as error:
        say_error(str(error))
        # What is stored must not read as refused, or a script would do it again.
        return EXIT_WORK_FAILED if isinstance(error, StorageNotSynced) else EXIT_BAD_INPUT
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        return _say_unforeseen(error)
    return 0


def _dispatch(words: Sequence[str]) -> None:
    words = _without_colors(words)
    if not words or words[0] in ("--help", "-h"):
        _end_with_overview("", asked=bool(words))
    elif words[0] == "--version":
        _print_version()
    else:
        _call(words)


def _call(words: Sequence[str]) -> None:
    from tubeq.cli.parser import Parser, UsageError

    try:
        for empty in _empty(words):
            raise UsageError(f"{empty} is empty: give a value, or leave it out")
        if words[0].startswith("-"):
            raise UsageError(f"no such option: {words[0]}")
        name, called, rest = commands.find(words)
        if called is None:
            _end_with_overview(name, asked=bool(rest))
        below = commands.listed(name) if commands.inside(name) else ""
        given = Parser(name, called, below).read(rest)
    except UsageError as error:
        say_error(str(error))
        raise SystemExit(EXIT_BAD_INPUT) from None
    called.run(given)


def _end_with_overview(group: str, *, asked: bool) -> NoReturn:
    print(commands.overview(group), end="", file=sys.stdout if asked else sys.stderr)
    raise SystemExit(0 if asked else EXIT_BAD_INPUT)


def _print_version() -> None:
    from importlib import metadata

    version = "from source"
    with suppress(metadata.PackageNotFoundError):
        version = metadata.version("tubeq")
    print(f"tubeq {version}")


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


def _without_colors(args: Sequence[str]) -> list[str]:
    """The arguments without --color and --no-color, which may stand anywhere."""
    end = args.index("--") if "--" in args else len(args)
    chosen = [each for each in args[:end] if each in ("--color", "--no-color")]
    if chosen:
        switches = {"--color": "FORCE_COLOR", "--no-color": "NO_COLOR"}
        os.environ[switches.pop(chosen[-1])] = "1"
        for other in switches.values():
            os.environ.pop(other, None)
    return [each for each in args[:end] if each not in chosen] + list(args[end:])


def _empty(args: Sequence[str]) -> Iterator[str]:
    """Options and arguments that are empty: mostly an unset variable of a script."""
    for before, each in zip(["", *args], args):
        if each == "" and before != "--db":  # opening the database says what that needs
            yield before if before.startswith("-") else "an argument"
        elif re.fullmatch("--[^=]+=", each) and each != "--db=":
            yield each[:-1]


def _say_unforeseen(error: Exception) -> int:
    if not isinstance(error, OSError):
        name = type(error).__name__
        say_error(f"a bug in tubeq: {name}: {error}; set {TRACEBACK}=1 for a traceback")
        return EXIT_WORK_FAILED
    about = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    if not about and isinstance(error, FileNotFoundError) and not _has_folder():
        about = "the current folder is gone: "
    say_error(f"{about}{error.strerror or error}")
    return EXIT_BAD_INPUT


def _has_folder() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - asks whether there is one
    except OSError:
        return False
    return True
