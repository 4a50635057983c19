"""Which commands there are. A command's module is imported when that command is called."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tubeq.cli.parser import Command

WORK, QUEUE, MAINTENANCE = "Work", "Queue", "Maintenance"
HELP = "Scrape YouTube through a queue that loses nothing."
EPILOG = """Exit codes: 0 success; 1 the work failed, or its output was lost; 2 bad input, or an
unusable database; 130 interrupted with Ctrl-C. Settings: options, else TUBEQ_* variables
(TUBEQ_DB), else ./tubeq.toml."""


class Entry(NamedTuple):
    """A command, or a group of commands. `target` is "module:attribute" in this package, or "" for
    a group that does nothing by itself; `summary` is the first sentence of its help."""

    section: str
    target: str
    summary: str


COMMANDS = {
    "scrape": Entry(WORK, "scrape:scrape", "Scrape one channel now, and print its videos."),
    "search": Entry(WORK, "scrape:search", "Search YouTube now, and print what was found."),
    "playlist": Entry(WORK, "scrape:playlist", "Scrape one playlist now, and print its videos."),
    "video": Entry(WORK, "scrape:video", "Scrape one video now, and print everything about it."),
    "trending": Entry(
        WORK, "scrape:trending", "Explain why trending is gone, or scrape a substitute."
    ),
    "demo": Entry(WORK, "demo:demo", "Watch workers scrape a simulated YouTube, offline."),
    "worker": Entry(WORK, "work:worker", "Process tasks until Ctrl-C."),
    "workers": Entry(WORK, "work:workers", "List the running workers."),
    "stop": Entry(WORK, "work:stop", "Ask workers to stop after their current task."),
    "add": Entry(QUEUE, "add:add", "Add a task, or many from a file, and print the ids."),
    "types": Entry(QUEUE, "add:types", "List task types, their parameters and presets."),
    "tasks": Entry(QUEUE, "tasks:tasks", "List tasks, newest first."),
    "show": Entry(QUEUE, "tasks:show", "Show one task with its history."),
    "results": Entry(QUEUE, "tasks:results", "Print the ideas that tasks found."),
    "cancel": Entry(QUEUE, "tasks:cancel", "Cancel tasks."),
    "requeue": Entry(QUEUE, "tasks:requeue", "Queue finished tasks again."),
    "stats": Entry(QUEUE, "tasks:stats", "Count tasks, ideas and errors, and list pauses."),
    "items": Entry(QUEUE, "items:items", "List the videos found, each once."),
    "items show": Entry(QUEUE, "items:show", "Show one item with its views over time."),
    "export": Entry(QUEUE, "items:export", "Write everything found to a file."),
    "limits": Entry(MAINTENANCE, "limits:limits", "List limits, held slots and pauses."),
    "limits set": Entry(MAINTENANCE, "limits:set_", "Set the limit of KEY."),
    "limits remove": Entry(MAINTENANCE, "limits:remove", "Remove the limit of KEY."),
    "limits resume": Entry(MAINTENANCE, "limits:resume", "End the pause of KEY now."),
    "db": Entry(MAINTENANCE, "", "Check, back up, restore, migrate, prune or fill the database."),
    "db check": Entry(MAINTENANCE, "db:check", "Check the file and its contents."),
    "db backup": Entry(MAINTENANCE, "db:backup", "Copy the database while workers run."),
    "db restore": Entry(MAINTENANCE, "db:restore", "Replace the database with a backup."),
    "db migrate": Entry(MAINTENANCE, "db:migrate", "Migrate the database to the current schema."),
    "db prune": Entry(MAINTENANCE, "db:prune", "Delete old finished tasks."),
    "db import": Entry(MAINTENANCE, "db:import_", "Import an older program's tasks and results."),
    "doctor": Entry(MAINTENANCE, "doctor:doctor", "Report the environment, and any problems."),
    "completion": Entry(MAINTENANCE, "completion:completion", "Print a shell's completion script."),
}


def load(name: str) -> Command | None:
    """The command of that name; None for a group that does nothing by itself."""
    target = COMMANDS[name].target
    if not target:
        return None
    module, _, attribute = target.partition(":")
    loaded: Command = getattr(import_module(f"tubeq.cli.{module}"), attribute)
    return loaded


def inside(group: str) -> list[str]:
    """The names of a group's commands; of all that stand alone for ""."""
    start = f"{group} " if group else ""
    return [each for each in COMMANDS if each.startswith(start) and " " not in each[len(start) :]]


def listed(group: str) -> str:
    """The group's commands with their summaries, as its help shows them."""
    names = inside(group)
    width = max(map(len, names)) - (len(group) + 1 if group else 0)
    sections: dict[str, list[str]] = {}
    for name in names:
        entry = COMMANDS[name]
        line = f"  {name.rpartition(' ')[2]:{width}}  {entry.summary}"
        sections.setdefault("Commands" if group else entry.section, []).append(line)
    return "\n\n".join("\n".join([f"{each}:", *lines]) for each, lines in sections.items())


def overview(group: str) -> str:
    """The help of a group that does nothing by itself, or of the whole program for ""."""
    usage, about, end = "[--color | --no-color | --version | --help]", HELP, EPILOG
    if group:
        usage, about, end = group, COMMANDS[group].summary, ""
    parts = (f"usage: tubeq {usage} COMMAND ...", about, listed(group), end)
    return "\n\n".join(filter(None, parts)) + "\n"


def find(words: Sequence[str]) -> tuple[str, Command | None, list[str]]:
    """The command's name, the command, and its words, with those before the name of a group's
    command.

    Raises:
        UsageError: there is no command of that name.
    """
    from tubeq.cli.parser import Parser, UsageError, alike

    name, rest = words[0], list(words[1:])
    if name not in inside(""):
        raise UsageError(f"no such command: {name!r:.60}{alike(name, inside(''))}")
    called, inner = load(name), inside(name)
    if not inner:
        return name, called, rest
    if called is None:
        position = None if not rest or rest[0] in ("--help", "-h") else 0
    else:
        position = Parser(name, called).first_argument(rest)
    if position is None:
        return name, called, rest
    full = f"{name} {rest.pop(position)}"
    if full not in inner:
        raise UsageError(f"no such command: {full!r:.60}{alike(full, inner)}", f"tubeq {name}")
    return full, load(full), rest
