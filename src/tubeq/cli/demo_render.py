"""What the demo shows: a row for each channel while it runs, then a summary."""

from __future__ import annotations

import io
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tubeq.cli import tasks_render
from tubeq.cli.opening import quoted
from tubeq.cli.tables import Cell, Line, Page, Table, painted, safe
from tubeq.cli.words import counted
from tubeq.domain.models import HistoryEntry, Task
from tubeq.domain.states import ACTIVE, FINISHED, TaskEvent, TaskStatus
from tubeq.queue.queue_manager import QueueManager

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_BAR_WIDTH = 24


@dataclass
class DemoView:
    """The tasks of one demo as they are now."""

    handles: Mapping[str, str]
    workers: int
    started: float = field(default_factory=time.monotonic)
    elapsed_s: float = 0.0
    tasks: list[Task] = field(default_factory=list)
    ideas: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    events: Counter[TaskEvent] = field(default_factory=Counter)
    deferred: Counter[str] = field(default_factory=Counter)
    crashes: int = 0
    pids: dict[str, int] = field(default_factory=dict)

    def update(self, queue: QueueManager, tasks: list[Task]) -> list[Task]:
        """Store the tasks as they are now; returns those that changed."""
        before = {task.task_id: _key(task) for task in self.tasks}
        for task in tasks:
            if task.status is TaskStatus.COMPLETED and task.task_id not in self.ideas:
                self.ideas[task.task_id] = len(queue.get_task_results(task.task_id))
            if task.error_message:
                self.failures[task.task_id] = _in_short(task.error_message)
        self.tasks = tasks
        self.elapsed_s = time.monotonic() - self.started
        return [task for task in tasks if before.get(task.task_id) != _key(task)]

    def count(self, *statuses: TaskStatus) -> int:
        """How many tasks are in one of these."""
        return sum(task.status in statuses for task in self.tasks)

    @property
    def all_completed(self) -> bool:
        """Whether every task was completed, once."""
        once = self.events[TaskEvent.COMPLETED] == len(self.handles)
        return once and self.count(TaskStatus.COMPLETED) == len(self.handles)

    @property
    def retries(self) -> int:
        """How many failed attempts were followed by another one."""
        return self.events[TaskEvent.RETRIED] + self.events[TaskEvent.DEFERRED]

    def count_events(self, task_id: str, history: Sequence[HistoryEntry]) -> None:
        """Count what happened to a finished task."""
        events = Counter(entry.event for entry in history)
        self.events.update(events)
        self.deferred[task_id] = events[TaskEvent.DEFERRED]

    def attempts(self, task: Task) -> int:
        """How many times a worker started the task."""
        return tasks_render.attempts(task) + self.deferred[task.task_id]

    def note(self, task: Task) -> str:
        """What else happened to the task."""
        notes = []
        if task.crash_count:
            notes.append("worker killed, reassigned")
        if task.task_id in self.failures:
            final = task.status is TaskStatus.FAILED
            notes.append(f"{self.failures[task.task_id]}{'' if final else ', retried'}")
        return "; ".join(notes)

    def worker(self, task: Task) -> str:
        """The worker that has the task, or had it last: its pid, where that is known."""
        pid = self.pids.get(task.worker_id or "")
        return f"pid {pid}" if pid else task.worker_id or ""

    def as_dict(self, db_path: Path) -> dict[str, Any]:
        """The summary as JSON has it."""
        tasks = [
            {
                "channel": self.handles[task.task_id],
                "task_id": task.task_id,
                "status": str(task.status),
                "attempts": self.attempts(task),
                "worker_id": task.worker_id,
                "ideas_count": self.ideas.get(task.task_id, 0),
            }
            for task in self.tasks
        ]
        return {
            "database": str(db_path),
            "workers": self.workers,
            "elapsed_s": round(self.elapsed_s, 3),
            "ideas_count": sum(self.ideas.values()),
            "completions": self.events[TaskEvent.COMPLETED],
            "retries": self.retries,
            "rescues": self.events[TaskEvent.RESCUED],
            "crashes": self.crashes,
            "by_status": dict(Counter(str(task.status) for task in self.tasks)),
            "tasks": tasks,
        }

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        page = Page(options.max_width, console.color_system is not None, not options.ascii_only)
        yield Text.from_ansi("\n".join(self.lines(page)), no_wrap=True)

    def lines(self, page: Page) -> Iterator[str]:
        """A row for each channel, then the counts."""
        yield from self._table().lines(page)
        done, total = self.count(*FINISHED), len(self.handles)
        filled = _BAR_WIDTH * done // total
        full, empty = ("━", "─") if page.unicode else ("=", "-")
        counts = (
            painted(full * filled, "green", page)
            + painted(empty * (_BAR_WIDTH - filled), "dim", page),
            f"{done} of {total} channels",
            painted(f"{self.count(*ACTIVE)} running", "cyan", page),
            painted(f"{sum(self.ideas.values()):,} ideas", "green", page),
            painted(f"{self.elapsed_s:.1f} s", "dim", page),
        )
        yield "  " + "  ".join(counts)

    def _table(self) -> Table:
        return Table(
            "channel", "status", "tries", "ideas", "worker", "note",
            right=("tries", "ideas"), elastic=("channel", "note"), most_lines=1,
            rows=(
                (self.handles[each.task_id], _status(each), self.attempts(each) or "",
                 self.ideas.get(each.task_id),
                 safe(self.worker(each), "" if each.status in ACTIVE else "dim"),
                 safe(self.note(each), "yellow"))
                for each in self.tasks
            ),
        )  # fmt: skip


def _status(task: Task) -> Cell:
    if task.status is TaskStatus.QUEUED and task.error_message:
        return Cell("retry soon", "yellow")
    return Cell(task.status.lower(), tasks_render.STATUS_STYLES[task.status])


def _in_short(message: str) -> str:
    """The informative part of yt-dlp's message."""
    matched = re.search(r"HTTP Error (\d+)", message)
    return f"HTTP {matched[1]}" if matched else message


def _key(task: Task) -> tuple[object, ...]:
    return task.status, task.claim_token, task.retry_count, task.crash_count


def change_line(view: DemoView, task: Task) -> str:
    """One change of one task, for a log."""
    note = view.note(task)
    ideas = f", {view.ideas[task.task_id]} ideas" if task.task_id in view.ideas else ""
    worker = f" by {view.worker(task)}" if task.status in ACTIVE else ""
    words = f"{view.elapsed_s:5.1f} s  {view.handles[task.task_id]}: {task.status}"
    return f"{words}{worker}{ideas}{f' ({note})' if note else ''}"


def summary_lines(view: DemoView, db_path: Path) -> list[Line]:
    """Lines that account for every task, and say where to look next."""
    created, ideas = view.events[TaskEvent.CREATED], sum(view.ideas.values())
    ends = [
        f"{view.count(status)} {status.lower()}"
        for status in TaskStatus
        if status is TaskStatus.COMPLETED or view.count(status)
    ]
    once = ", each exactly once" if view.all_completed else ""
    completions = counted(view.events[TaskEvent.COMPLETED], "completion")
    retried, crashed = counted(view.retries, "failure"), counted(view.crashes, "worker")
    plain = (
        f"  {completions}{once}; {ideas:,} ideas in {view.elapsed_s:.1f} s",
        f"  {counted(view.workers, 'worker')}; {retried} retried; {crashed} killed and replaced",
        "",
        f"  database:  {db_path}",
        f"  see also:  tubeq results --db {quoted(db_path)}",
        f"             tubeq tasks --db {quoted(db_path)}",
    )
    sum_line = f"  {created} tasks = {' + '.join(ends)}"
    style = "bold green" if view.all_completed else "bold red"
    return [
        Line(""),
        Line(sum_line, style, wrap=False),
        *(Line(each, wrap=False) for each in plain),
    ]


def picture(view: DemoView, db_path: Path) -> str:
    """The end of a run as SVG, without the web fonts that rich would have it load."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    console.print("[bold green]$[/] tubeq demo")
    console.print(view)
    for line in summary_lines(view, db_path):
        console.print(Text(line.text, style=line.style), soft_wrap=True)
    drawn = console.export_svg(title="tubeq demo", unique_id="tubeq-demo")
    return re.sub(r"@font-face\s*{.*?}\s*|<!--.*?-->\s*", "", drawn, flags=re.DOTALL)
