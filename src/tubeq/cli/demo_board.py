"""What the demo shows: a row for each channel while it lasts, then the sum of it all."""

from __future__ import annotations

import io
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tubeq.cli import render
from tubeq.cli.console import cut_text, safe_text
from tubeq.cli.options import quoted
from tubeq.domain.models import HistoryEntry, Task
from tubeq.domain.states import ACTIVE, FINISHED, TaskEvent, TaskStatus
from tubeq.queue.queue_manager import QueueManager

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.table import Table


@dataclass
class Board:
    """What the tasks of one demo have come to, so far."""

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

    def look(self, queue: QueueManager, tasks: list[Task]) -> list[Task]:
        """Take in how the tasks are now; those that changed."""
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
        """Whether every task is completed, and was so once."""
        once = self.events[TaskEvent.COMPLETED] == len(self.handles)
        return once and self.count(TaskStatus.COMPLETED) == len(self.handles)

    @property
    def retries(self) -> int:
        """How often an attempt came to nothing, and another one followed."""
        return self.events[TaskEvent.RETRIED] + self.events[TaskEvent.DEFERRED]

    def take_in(self, task_id: str, history: Sequence[HistoryEntry]) -> None:
        """Count what happened to a task once it is over."""
        events = Counter(entry.event for entry in history)
        self.events.update(events)
        self.deferred[task_id] = events[TaskEvent.DEFERRED]

    def attempts(self, task: Task) -> int:
        """How often a worker took the task up."""
        return render.attempts(task) + self.deferred[task.task_id]

    def note(self, task: Task) -> str:
        """What happened to the task besides being done."""
        notes = []
        if task.crash_count:
            notes.append("worker killed, taken over")
        if task.task_id in self.failures:
            final = task.status is TaskStatus.FAILED
            notes.append(f"{self.failures[task.task_id]}{'' if final else ', retried'}")
        return "; ".join(notes)

    def worker(self, task: Task) -> str:
        """Who has the task, or had it last: what `kill` takes, where it is known."""
        pid = self.pids.get(task.worker_id or "")
        return f"pid {pid}" if pid else task.worker_id or ""

    def as_dict(self, db_path: Path) -> dict[str, Any]:
        """The summary for machines."""
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

    def __rich__(self) -> Group:
        from rich.console import Group

        return Group(self.table(), self._counters())

    def table(self) -> Table:
        """One row a channel."""
        drawn = render.table(
            "channel", "status", "tries", "ideas", "worker", "",
            right=("tries", "ideas"), elastic=("channel", ""),
        )  # fmt: skip
        for task in self.tasks:
            waits = task.status is TaskStatus.QUEUED and bool(task.error_message)
            words = "retry soon" if waits else task.status.lower()
            active = task.status in ACTIVE
            drawn.add_row(
                cut_text(self.handles[task.task_id]),
                safe_text(words, "yellow" if waits else render.STATUS_STYLES[task.status]),
                str(self.attempts(task) or ""),
                str(self.ideas.get(task.task_id, "")),
                safe_text(self.worker(task), "" if active else "dim"),
                cut_text(self.note(task), "yellow"),
            )
        return drawn

    def _counters(self) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        done = self.count(*FINISHED)
        line = Table.grid(padding=(0, 2))
        line.add_row(
            "",
            ProgressBar(total=len(self.handles), completed=done, width=24),
            safe_text(f"{done} of {len(self.handles)} channels"),
            safe_text(f"{self.count(*ACTIVE)} under way", "cyan"),
            safe_text(f"{sum(self.ideas.values()):,} ideas", "green"),
            safe_text(f"{self.elapsed_s:.1f} s", "dim"),
        )
        return line


def _in_short(message: str) -> str:
    """The part of yt-dlp's message that says what went wrong."""
    matched = re.search(r"HTTP Error (\d+)", message)
    return f"HTTP {matched[1]}" if matched else message


def _key(task: Task) -> tuple[object, ...]:
    return task.status, task.claim_token, task.retry_count, task.crash_count


def change_line(board: Board, task: Task) -> str:
    """One change of one task, for a log."""
    note = board.note(task)
    ideas = f", {board.ideas[task.task_id]} ideas" if task.task_id in board.ideas else ""
    worker = f" by {board.worker(task)}" if task.status in ACTIVE else ""
    words = f"{board.elapsed_s:5.1f} s  {board.handles[task.task_id]}: {task.status}"
    return f"{words}{worker}{ideas}{f' ({note})' if note else ''}"


def print_summary(console: Console, board: Board, db_path: Path) -> None:
    """Every task accounted for, and where to look next."""
    created, ideas = board.events[TaskEvent.CREATED], sum(board.ideas.values())
    ends = [
        f"{board.count(status)} {status.lower()}"
        for status in TaskStatus
        if status is TaskStatus.COMPLETED or board.count(status)
    ]
    style = "bold green" if board.all_completed else "bold red"
    console.print()
    console.print(safe_text(f"  {created} tasks = {' + '.join(ends)}", style))
    events = board.events
    completions = events[TaskEvent.COMPLETED]
    once = ", each exactly once" if board.all_completed else ""
    done = f"{render.counted(completions, 'completion')}{once}"
    trouble = (
        f"{render.counted(board.retries, 'failure')} retried",
        f"{render.counted(board.crashes, 'worker')} killed and replaced",
    )
    for line in (
        f"{done}; {ideas:,} ideas in {board.elapsed_s:.1f} s",
        f"{render.counted(board.workers, 'worker')}; {'; '.join(trouble)}",
        "",
        f"database:  {db_path}",
        f"have a look:  tubeq results --db {quoted(db_path)}",
        f"              tubeq tasks --db {quoted(db_path)}",
    ):
        console.print(safe_text(f"  {line}"), soft_wrap=True)


def picture(board: Board, db_path: Path) -> str:
    """The end of a run as SVG, without the web fonts that rich would have it load."""
    from rich.console import Console

    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    console.print("[bold green]$[/] tubeq demo")
    console.print(board)
    print_summary(console, board, db_path)
    drawn = console.export_svg(title="tubeq demo", unique_id="tubeq-demo")
    return re.sub(r"@font-face\s*{.*?}\s*|<!--.*?-->\s*", "", drawn, flags=re.DOTALL)
