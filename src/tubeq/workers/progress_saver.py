"""What a running attempt saves: checked, stored under its claim, and counted as progress."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Any, TypeVar

from tubeq.domain.children import ChildTask, Saved
from tubeq.domain.errors import ClaimLost, StorageBusy, StorageError, TaskCancelled
from tubeq.domain.models import Idea
from tubeq.queue.queue_manager import QueueManager
from tubeq.queue.validation import CheckedIdeas
from tubeq.workers.scraping import checked_idea
from tubeq.workers.watch import Attempt, Reason, Watch

_T = TypeVar("_T")
_BUSY_REST_S = 0.5


class ProgressSaver:
    """Stores what one attempt saves. See `tubeq.plugins.base.Saver`.

    Args:
        queue: where it is stored.
        watch: who watches the attempt.
        attempt: whose claim it has.
    """

    __slots__ = ("_attempt", "_queue", "_watch", "got_on", "has_saved", "refusal")

    def __init__(self, queue: QueueManager, watch: Watch, attempt: Attempt) -> None:
        self._queue = queue
        self._watch = watch
        self._attempt = attempt
        self.has_saved = False
        """Whether there are ideas of the task in the storage."""
        self.got_on = False
        """Whether this attempt saved anything new."""
        self.refusal: Exception | None = None
        """The last error of the storage."""

    @property
    def task_id(self) -> str:
        """The id of the task."""
        return self._attempt.claim.task_id

    def save(
        self,
        ideas: Iterable[Idea | Mapping[str, Any]],
        tasks: Iterable[ChildTask],
        cursor: Mapping[str, Any] | None,
    ) -> Saved:
        """See `tubeq.plugins.saving.save`."""
        attempt = self._attempt
        checked = CheckedIdeas(map(checked_idea, ideas))
        saved = self._asked(
            lambda: self._queue.save_progress(attempt.claim, checked, tasks, cursor)
        )
        if saved.cancelled:
            attempt.tell(Reason.CANCELLED, "cancelled on request", monotonic())
            attempt.heard = True
            raise TaskCancelled(attempt.message)
        self.has_saved = True
        self._watch.grant_time(attempt)
        if saved.new_ideas or saved.new_tasks:
            self.got_on = True
            # As it is stored now: else the next failure would be counted from the old count.
            attempt.claim = attempt.claim._replace(retry_count=0, crash_count=0)
        return saved

    def cursor(self) -> dict[str, Any] | None:
        """See `tubeq.plugins.saving.cursor`."""
        text = self._asked(lambda: self._queue.get_cursor(self._attempt.claim))
        if text is None:
            return None
        self.has_saved = True
        found: dict[str, Any] = json.loads(text)
        return found

    def saved_count(self) -> int:
        """See `tubeq.plugins.saving.saved_count`."""
        return self._asked(lambda: self._queue.count_ideas(self._attempt.claim))

    def _asked(self, question: Callable[[], _T]) -> _T:
        """The result from the storage. A busy one is retried while the attempt may go on, but only
        within BaseWorker.run, where it can be asked to stop."""
        while True:
            try:
                return question()
            except StorageBusy as error:
                if self._attempt.reason is not None or not self._watch.is_obeying:
                    self.refusal = error
                    raise
                time.sleep(_BUSY_REST_S)
            except (ClaimLost, StorageError) as error:
                self.refusal = error
                raise
