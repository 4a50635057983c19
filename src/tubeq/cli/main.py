"""The command `tubeq`: which commands there are, and what their exit codes mean."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tubeq.cli import (
    add_command,
    db_commands,
    items_commands,
    limit_commands,
    prune_command,
    queue_commands,
    restore_command,
    scrape_commands,
    type_commands,
    work_commands,
)
from tubeq.cli.console import prepare_streams, say_error
from tubeq.cli.dashed_arguments import DashedArguments
from tubeq.cli.options import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_WORK_FAILED
from tubeq.domain.errors import StorageNotSynced, TubeqError
from tubeq.plugins import registry
from tubeq.workers.plugin_output import output_to_stderr

_EPILOG = (
    "Exit codes: 0 all went well; 1 the work failed; 2 bad input, or a database that cannot be "
    "used; 130 interrupted with Ctrl-C. Settings: options, else TUBEQ_* variables (TUBEQ_DB), "
    "else ./tubeq.toml."
)


registry.around_plugins = output_to_stderr  # what they print is no part of a command's output
_WORK, _QUEUE, _CARE = "Work", "Queue", "Care"


class _Commands(TyperGroup):
    """Turns what commands raise into one line and an exit code: no user sees a traceback.

    The commands that scrape are made when they are asked for: that needs their plugins. The list of
    all commands does without.
    """

    _only_listed = False

    def list_commands(self, ctx: Any) -> list[str]:
        return [*scrape_commands.COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in scrape_commands.COMMANDS:
            make = scrape_commands.listed if self._only_listed else scrape_commands.command
            return make(cmd_name, _WORK)
        return super().get_command(ctx, cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._only_listed = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._only_listed = False

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except TubeqError as error:
            say_error(str(error))
            # What is stored must not read as refused, or a script would do it again.
            stored = isinstance(error, StorageNotSynced)
            raise typer.Exit(EXIT_WORK_FAILED if stored else EXIT_BAD_INPUT) from None
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None


app = typer.Typer(
    name="tubeq",
    cls=_Commands,
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
    prepare_streams()
    try:
        app(prog_name="tubeq")
    except BrokenPipeError:
        _forget_stdout()
        sys.exit(EXIT_WORK_FAILED)
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, such as `head`, has seen enough
            _forget_stdout()


def _forget_stdout() -> None:
    """Let what is still buffered go nowhere, or Python complains about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
