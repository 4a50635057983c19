"""The command `tubeq`: which commands there are, and what their exit codes mean."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from tubeq.cli import (
    add_command,
    db_commands,
    items_commands,
    limit_commands,
    prune_command,
    queue_commands,
    restore_command,
    type_commands,
    work_commands,
)
from tubeq.cli.command_group import WORK as _WORK
from tubeq.cli.command_group import Commands
from tubeq.cli.console import say, say_error
from tubeq.cli.dashed_arguments import DashedArguments
from tubeq.cli.options import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_WORK_FAILED
from tubeq.plugins import registry
from tubeq.settings import TRACEBACK, unknown_variables
from tubeq.workers.plugin_output import leave_output, output_to_stderr
from tubeq.workers.standard_streams import OutputLost, guard, open_closed_descriptors

_EPILOG = (
    "Exit codes: 0 all went well; 1 the work failed, or its output was lost; 2 bad input, or a "
    "database that cannot be used; 130 interrupted with Ctrl-C. Settings: options, else TUBEQ_* "
    "variables (TUBEQ_DB), else ./tubeq.toml."
)


registry.around_plugins = output_to_stderr  # what they print is no part of a command's output
_QUEUE, _CARE = "Queue", "Care"


app = typer.Typer(
    name="tubeq",
    cls=Commands,
    help="Scrape YouTube through a queue that loses nothing.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
db = typer.Typer(
    help="Check, back up, restore, migrate, prune or fill the database.", no_args_is_help=True
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from tubeq.cli.doctor import version_of

        print(f"tubeq {version_of('tubeq') or 'from source'}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which.")
    ] = False,
    color: Annotated[
        bool | None,
        typer.Option(
            help="Colors, wherever this stands in the command. (default: in a terminal, unless "
            "NO_COLOR is set; FORCE_COLOR: always)"
        ),
    ] = None,
) -> None:
    pass


app.command(rich_help_panel=_WORK)(work_commands.demo)
app.command(rich_help_panel=_WORK)(work_commands.worker)
app.command(rich_help_panel=_WORK)(work_commands.workers)
app.command(rich_help_panel=_WORK)(work_commands.stop)
app.command(cls=DashedArguments, rich_help_panel=_QUEUE)(add_command.add)
app.command(rich_help_panel=_QUEUE)(type_commands.types)
app.command(rich_help_panel=_QUEUE)(queue_commands.tasks)
app.command(cls=DashedArguments, rich_help_panel=_QUEUE)(queue_commands.show)
app.command(cls=DashedArguments, rich_help_panel=_QUEUE)(queue_commands.results)
app.add_typer(items_commands.items_app, name="items", rich_help_panel=_QUEUE)
app.command(cls=DashedArguments, rich_help_panel=_QUEUE)(items_commands.export)
app.command(cls=DashedArguments, rich_help_panel=_QUEUE)(queue_commands.cancel)
app.command(cls=DashedArguments, rich_help_panel=_QUEUE)(queue_commands.requeue)
app.command(rich_help_panel=_QUEUE)(queue_commands.stats)
app.command(rich_help_panel=_CARE)(db_commands.doctor)
db.command()(db_commands.check)
db.command()(db_commands.backup)
db.command()(restore_command.restore)
db.command()(db_commands.migrate)
db.command()(prune_command.prune)
db.command("import")(items_commands.import_)
app.add_typer(limit_commands.app, name="limits", rich_help_panel=_CARE)
app.add_typer(db, name="db", rich_help_panel=_CARE)


def main() -> None:
    """Run the command that the process's arguments name, and exit with its code."""
    open_closed_descriptors()
    output = guard()
    for line in unknown_variables(os.environ):
        say(line)
    code = _exit_code()
    with suppress(OutputLost):
        sys.stdout.flush()
    reason = None if output is None else output.lost
    if isinstance(reason, BrokenPipeError):  # the reader, such as `head`, has seen enough
        reason = None
    if reason is not None:
        say_error(
            f"standard output cannot be written: {OutputLost(reason)}; what was stored is stored"
        )
    leave_output()
    sys.exit(code or (EXIT_WORK_FAILED if reason else 0))


def _exit_code() -> int:
    """Run the command, with a net under it for what no command foresees."""
    try:
        app(prog_name="tubeq")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_WORK_FAILED
    except OutputLost:
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        return _say_unforeseen(error)
    return 0


def _say_unforeseen(error: Exception) -> int:
    if not isinstance(error, OSError):
        say_error(
            f"a fault in tubeq: {type(error).__name__}: {error}; {TRACEBACK}=1 shows where it is"
        )
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
