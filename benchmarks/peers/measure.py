"""One run: every candidate through every stage, interleaved; what there is so far can be read.

It becomes results/peers/<machine>.json, an object with

    schema, kind, quick, interrupted, measured_at, elapsed_s, commit, environment, plan,
    candidates: [{name, title, kind, requirements, version, settings by durability, reason (why it
        was not measured), many, acknowledges, fenced, stores_results, keeps_history, encodes,
        many_processes, recovery, beside}],
    latency: [{candidate, table, durability, depth, filled, rounds, calls, note,
        figures: {put_p50_us … lifecycles_per_s}, ratios: {put_p50 … lifecycles_per_s} to the floor
        of the same round}],
    contention: [{candidate, table, processes, rounds, note, figures: {claims_per_s, claim_p50_us,
        claim_p99_us, slowest_ms, jain, double_claims, errors}}],
    crash: [{candidate, recovery, note, figures: {tasks, kills, lost, doubly_completed,
        worked_twice, errors, from_record, examples}}],
    targets: rows of judging/rows.py, ahead: sentences, lead_table: {figures, rows: [{title,
        cells, price}]}, leads: [{peer, figure, where, theirs, ours, factor}]

`table` is "normal" or "full": beside which durability a row stands. A note says why figures are
missing, or what went wrong.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.common.exits import LabError
from benchmarks.contenders.servers import Servers
from benchmarks.peers.ahead import cases, lead_table, statements
from benchmarks.peers.candidates import Candidate, Session, prepare_all
from benchmarks.peers.contention import measure_contention, single_rates
from benchmarks.peers.crash import measure_crash
from benchmarks.peers.latency import measure_latency
from benchmarks.peers.plan import Plan
from benchmarks.records.environment import fingerprint
from benchmarks.records.history import commit_of

SCHEMA = 1


@dataclass
class Run:
    """What a run has measured so far; rows are JSON values.

    Args:
        targets: figures beside their targets, rows of judging/rows.py.
    """

    plan: Plan
    is_quick: bool
    candidates: list[Candidate] = field(default_factory=list)
    latency: list[dict[str, Any]] = field(default_factory=list)
    contention: list[dict[str, Any]] = field(default_factory=list)
    crash: list[dict[str, Any]] = field(default_factory=list)
    targets: list[dict[str, Any]] = field(default_factory=list)
    is_interrupted: bool = False
    began: float = field(default_factory=time.time)

    def document(self) -> dict[str, Any]:
        """All of it as JSON values: what is published."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "kind": "peers",
            "quick": self.is_quick,
            "interrupted": self.is_interrupted,
            "measured_at": _moment(self.began),
            "elapsed_s": round(time.time() - self.began, 1),
            "commit": _commit(),
            "environment": fingerprint(),
            "plan": asdict(self.plan),
            "candidates": [_told(each) for each in self.candidates],
            "latency": self.latency,
            "contention": self.contention,
            "crash": self.crash,
            "targets": self.targets,
        }
        leads = [asdict(case) for case in cases(document) if case.is_lead]
        said = {"ahead": statements(document), "lead_table": lead_table(document)}
        return {**document, **said, "leads": leads}


def measure(
    run: Run,
    chosen: Mapping[str, str],
    tell: Callable[[str], None],
    *,
    extra_path: Path | None = None,
    seed: int | None = None,
) -> None:
    """Put the candidates through the stages; rows are added to the run as they come.

    Processes, servers and files are gone when this returns, or is interrupted.

    Args:
        run: its plan says how much.
        chosen: by name, where the adapters are.
        tell: called before each step.
        extra_path: where adapters that are not of this repository are found.
        seed: of orders and moments; anew each time if None.
    """
    run.candidates[:] = prepare_all(chosen, tell, extra_path)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="tubeq-peers-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        servers = Servers()
        stack.callback(servers.stop)
        session = Session(run.plan, run.candidates, servers, folder, random.Random(seed), tell)
        for durability in run.plan.durabilities:
            for depth in run.plan.depths_at(durability):
                measure_latency(session, durability, depth, run.latency)
            measure_contention(session, durability, single_rates(run.latency), run.contention)
        measure_crash(session, run.crash)


def steps(plan: Plan, candidates: int) -> int:
    """About how many steps a run has, for a progress bar."""
    latency = sum(
        candidates * (plan.rounds + 1) * len(plan.depths_at(durability))
        for durability in plan.durabilities
    )
    contests = len(plan.processes) * plan.contention_rounds * len(plan.durabilities)
    return candidates * (2 + contests) + latency


def _told(candidate: Candidate) -> dict[str, Any]:
    adapter = candidate.adapter
    return {
        "name": candidate.name,
        "title": adapter.title,
        "kind": adapter.kind,
        "requirements": list(adapter.requirements),
        "version": candidate.version,
        "settings": candidate.settings,
        "reason": candidate.reason,
        "many": adapter.many,
        "acknowledges": adapter.acknowledges,
        "fenced": adapter.fenced,
        "stores_results": adapter.stores_results,
        "keeps_history": adapter.keeps_history,
        "encodes": adapter.encodes,
        "many_processes": adapter.many_processes,
        "recovery": adapter.recovery,
        "beside": adapter.beside,
    }


def _commit() -> dict[str, Any] | None:
    try:
        return asdict(commit_of())
    except LabError:  # a copy without git
        return None


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
