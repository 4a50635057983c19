"""One run: every queue through every stage, interleaved; what there is so far can be read.

It becomes results/peers/<machine>.json, an object with

    schema, kind, quick, interrupted, measured_at, elapsed_s, commit, environment, reference (name
        and SHA-256 of the reference's file), plan,
    queues: [{name, title, kind, requirements, version, settings by durability, reason (why it was
        not measured), many, recovery, compared_with, lacks: [what it does not do]}],
    verbs: [{queue, durability, depth, rounds, calls, note, figures: {put_p50_us …
        lifecycles_per_s}, ratios: {put_p50 … lifecycles_per_s} to the same round's reference}],
    contention: [{queue, durability, processes, rounds, note, figures: {tasks_per_s, p50_ms, p99_ms,
        slowest_ms, jain, done_twice, errors}}], of tasks claimed and completed,
    crash: [{queue, recovery, note, figures: {tasks, kills, lost, doubly_completed, worked_twice,
        errors, from_record, examples}}]

A note says why figures are missing, or what went wrong.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.common.exits import LabError
from benchmarks.contenders import reference_sqlite
from benchmarks.contenders.base import NORMAL
from benchmarks.contenders.servers import Servers
from benchmarks.measuring.crash import measure_crash
from benchmarks.measuring.queues import Peer, Plan, Session, prepare_all
from benchmarks.measuring.verbs import measure_contention, measure_verbs
from benchmarks.records.environment import fingerprint
from benchmarks.records.history import commit_of

SCHEMA = 2
_ABILITIES = {
    "acknowledges": "keep a claimed task",
    "fenced": "refuse a stale completion",
    "stores_results": "store a result",
    "keeps_history": "keep a history",
    "encodes": "encode a payload",
    "many_processes": "serve several processes",
}


@dataclass
class Run:
    """What a run has measured so far; rows are JSON values."""

    plan: Plan
    is_quick: bool
    peers: list[Peer] = field(default_factory=list)
    verbs: list[dict[str, Any]] = field(default_factory=list)
    contention: list[dict[str, Any]] = field(default_factory=list)
    crash: list[dict[str, Any]] = field(default_factory=list)
    is_interrupted: bool = False
    began: float = field(default_factory=time.time)

    def document(self) -> dict[str, Any]:
        """All of it as JSON values: what is published."""
        measured_at = datetime.fromtimestamp(self.began, timezone.utc)
        content = Path(reference_sqlite.__file__).read_bytes()
        commit = None
        with suppress(LabError):  # a copy without git
            commit = asdict(commit_of())
        return {
            "schema": SCHEMA, "kind": "peers", "quick": self.is_quick,
            "interrupted": self.is_interrupted,
            "measured_at": measured_at.isoformat(timespec="seconds"),
            "elapsed_s": round(time.time() - self.began, 1),
            "commit": commit, "environment": fingerprint(),
            "reference": {"name": "reference_sqlite", "sha256": sha256(content).hexdigest()},
            "plan": asdict(self.plan), "queues": [_described(each) for each in self.peers],
            "verbs": self.verbs, "contention": self.contention, "crash": self.crash,
        }  # fmt: skip


def measure(
    run: Run,
    chosen: Mapping[str, str],
    say: Callable[[str], None],
    *,
    extra_path: Path | None = None,
    seed: int | None = None,
) -> None:
    """Put the queues, chosen by name and place, through the stages; rows are added to the run as
    they come. Processes, servers and files are gone when this returns, or is interrupted.

    Args:
        say: called before each step.
        extra_path: where queues that are not of this repository are found.
        seed: of orders and moments; another each time if None.
    """
    run.peers[:] = prepare_all(chosen, say, extra_path)
    with ExitStack() as stack:
        own = tempfile.TemporaryDirectory(prefix="lab-peers-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(own))
        servers = Servers()
        stack.callback(servers.stop)
        session = Session(run.plan, run.peers, servers, folder, random.Random(seed), say)
        for durability in run.plan.durabilities:
            for depth in run.plan.depths:
                measure_verbs(session, durability, depth, run.verbs)
            measure_contention(session, durability, _single_rates(run.verbs), run.contention)
        measure_crash(session, run.crash)


def steps(plan: Plan, queues: int) -> int:
    """About how many steps a run has, for its progress."""
    rounds = (plan.rounds + 1) * len(plan.depths)
    rounds += len(plan.processes) * plan.contention_rounds
    return queues * (2 + rounds * len(plan.durabilities))


def _single_rates(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Claims a second of one process, as far as they were measured."""
    found: dict[str, float] = {}
    for row in rows:
        if row["durability"] == NORMAL and (claim_us := row["figures"].get("claim_p50_us")):
            found[row["queue"]] = max(found.get(row["queue"], 0.0), 1e6 / claim_us)
    return found


def _described(peer: Peer) -> dict[str, Any]:
    queue = peer.queue
    lacks = [words for name, words in _ABILITIES.items() if not getattr(queue, name)]
    if queue.recovery.startswith("none"):
        lacks.append("bring back a dead worker's task")
    shown = ("title", "kind", "many", "recovery", "compared_with")
    return {
        "name": peer.name, "version": peer.version, "settings": peer.settings,
        "reason": peer.reason, "requirements": list(queue.requirements), "lacks": lacks,
        **{name: getattr(queue, name) for name in shown},
    }  # fmt: skip
