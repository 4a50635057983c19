"""Children of tasks, and cursors, in the reference model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from tubeq.domain.children import EncodedChild, Progress, Saved
from tubeq.domain.clock import to_timestamp
from tubeq.domain.models import Idea, Result, Task
from tubeq.domain.states import FINISHED, TaskStatus
from tubeq.storage.identifiers import new_ids
from tubeq.storage.memory.state import MemoryState, verbs
from tubeq.storage.memory.transitions import cancel


@verbs
class MemoryChildren:
    """See Children. Links are by row id: (parent, source id) to child."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self._links: dict[tuple[int, str], int] = {}
        self._cursors: dict[int, str] = {}

    def save(
        self,
        claim: Task,
        ideas: Sequence[Idea] = (),
        children: Sequence[EncodedChild] = (),
        cursor: str | None = None,
        *,
        when_visible: Callable[[], None] | None = None,
    ) -> Saved:
        state = self._state
        task = state.held(claim)
        if task.cancel_requested:
            return Saved(0, 0, cancelled=True)
        now = state.clock.now()
        fresh = state.as_results(task.task_id, ideas)
        ideas_before, children_before = len(state.results), len(self._links)
        state.put_results(task, fresh)
        for child, task_id in zip(children, new_ids(len(children), now), strict=True):
            if (task.row_id, child.source_id) not in self._links:
                created = state.create(child.task, task_id, to_timestamp(now))
                self._links[task.row_id, child.source_id] = created.row_id
        if cursor is not None:
            self._cursors[task.row_id] = cursor
        saved = Saved(len(state.results) - ideas_before, len(self._links) - children_before)
        if saved.new_ideas or saved.new_tasks:
            state.tasks[task.row_id] = task._replace(retry_count=0, crash_count=0)
        if when_visible:
            when_visible()
        return saved

    def cursor(self, claim: Task) -> str | None:
        return self._cursors.get(claim.row_id)

    def count_ideas(self, claim: Task) -> int:
        row_id = self._state.task(claim.task_id).row_id
        return sum(each == row_id for each, _ in self._state.results)

    def progress(self, task_id: str) -> Progress:
        children = self._of(task_id)
        counts = Counter(child.status for child in children)
        errors = Counter(
            child.error_code
            for child in children
            if child.status is TaskStatus.FAILED and child.error_code is not None
        )
        by_status = {status.value: counts[status] for status in TaskStatus}
        return Progress(by_status, dict(errors.most_common()))

    def of(self, task_id: str, *, status: TaskStatus | None = None, limit: int = 100) -> list[Task]:
        children = [each for each in self._of(task_id) if status in (None, each.status)]
        return children[::-1][:limit]

    def results(self, task_id: str, *, limit: int = 1_000_000) -> list[Result]:
        wanted = {child.row_id for child in self._of(task_id)}
        stored = self._state.results.items()
        found = [(row_id, result) for (row_id, _), result in stored if row_id in wanted]
        return [result for _, result in sorted(found, key=lambda each: each[0])][:limit]

    def parents(self, task_ids: Sequence[str]) -> dict[str, str]:
        tasks = self._state.tasks
        parent_of = {
            tasks[child].task_id: tasks[parent].task_id
            for (parent, _), child in self._links.items()
        }
        return {task_id: parent_of[task_id] for task_id in task_ids if task_id in parent_of}

    def with_children(self, task_ids: Sequence[str]) -> list[str]:
        parents = {self._state.tasks[parent].task_id for parent, _ in self._links}
        return [task_id for task_id in task_ids if task_id in parents]

    def cancel(self, task_id: str) -> int:
        still_open = [each for each in self._of(task_id) if each.status not in FINISHED]
        for child in still_open:
            cancel(self._state, child)
        return len(still_open)

    def _of(self, task_id: str) -> list[Task]:
        """In the order of their creation."""
        parent = self._state.task(task_id).row_id
        row_ids = sorted(child for (each, _), child in self._links.items() if each == parent)
        return [self._state.tasks[row_id] for row_id in row_ids]

    # For the storage itself ---------------------------------------------------------------------

    def begin_again(self, task: Task) -> None:
        """A task is requeued."""
        tasks = self._state.tasks
        for (parent, source_id), child in list(self._links.items()):
            if parent == task.row_id and tasks[child].status in FINISHED:
                del self._links[parent, source_id]
        self._cursors.pop(task.row_id, None)

    def needs(self, task: Task) -> bool:
        """Whether its parent, or one of its children, is not finished."""
        relatives = [
            parent if child == task.row_id else child
            for (parent, _), child in self._links.items()
            if task.row_id in (parent, child)
        ]
        return any(self._state.tasks[each].status not in FINISHED for each in relatives)

    def forget(self, row_id: int) -> None:
        """A task is deleted."""
        kept = {key: child for key, child in self._links.items() if row_id not in (key[0], child)}
        self._links = kept
        self._cursors.pop(row_id, None)
