"""`backfill`, `history`: resumable, gaps said, own figures apart from published ones, ages."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.commands import backfill, backfill_time
from benchmarks.commands import history as history_command
from benchmarks.common.exits import BadInput, ExitCode, InfrastructureError
from benchmarks.common.project import project
from benchmarks.contenders.revisions import Side
from benchmarks.records import counts, ratios
from benchmarks.records.package_files import by_package, keep
from benchmarks.records.packages import Package, distinct_packages

from .git_repository import Repository
from .synthetic_packages import counted, packages, timed


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Package]:
    """A repository with three packages, the first of them the anchor; nothing is really run."""
    folder = tmp_path / "repository"
    repository = Repository(folder)
    ids = [repository.commit(f"{n}", {"src/tubeq/a.py": f"{n}"}) for n in range(3)]
    published = folder / "results"
    published.mkdir()
    (published / "anchor").write_text(f"{ids[0]}\n")
    monkeypatch.setattr(backfill_time, "RESULTS", published)
    for module in (backfill, backfill_time, history_command):
        monkeypatch.setattr(module, "ROOT", folder)
    monkeypatch.setattr(backfill, "why_not", lambda: "")
    monkeypatch.setattr(backfill, "_counted", lambda *_: counted(1000))
    monkeypatch.setattr(backfill_time, "measured", lambda *_: timed(1.0))
    return distinct_packages(folder)


def run_backfill(results: Path, *arguments: str) -> int:
    return main(["backfill", "--jobs", "1", "--results", str(results), *arguments])


def kept(results: Path, what: str) -> dict[str, list[str]]:
    """By package, the workloads."""
    return {key: sorted(own) for key, own in by_package(results / what).items()}


def test_every_package_is_counted_and_timed_and_not_again(
    three: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    own = tmp_path / "own"
    assert run_backfill(own) == ExitCode.PASS
    for what in ("counts", "ratios"):
        assert kept(own, what) == {each.key: sorted(project().counted) for each in three}
    out, err = capsys.readouterr()
    assert "48 workloads of 3 packages are measured" in out
    assert "commits are measured, not what is uncommitted" not in err

    def fail(*_: object) -> dict[str, Any]:
        raise AssertionError

    monkeypatch.setattr(backfill, "_counted", fail)
    monkeypatch.setattr(backfill_time, "measured", fail)
    assert run_backfill(own, "--quiet") == ExitCode.PASS
    assert run_backfill(tmp_path / "repository" / "results", "--newest", "1", "--again",
        "--workload", "claim-lifo-*", "--only", "time") == ExitCode.INFRASTRUCTURE  # fmt: skip


def test_what_is_published_is_not_measured_again_by_a_developer(
    three: list[Package], tmp_path: Path
) -> None:
    run_backfill(tmp_path / "repository" / "results", "--newest", "2")
    assert run_backfill(tmp_path / "own") == ExitCode.PASS
    assert list(kept(tmp_path / "own", "counts")) == [three[0].key]
    assert list(kept(tmp_path / "own", "ratios")) == [three[0].key]


def test_newest_only_and_patterns_choose(three: list[Package], tmp_path: Path) -> None:
    own = tmp_path / "own"
    assert run_backfill(own, "--newest", "1", "--workload", "claim-l*", "--only", "time") == 0
    assert list(kept(own, "ratios")) == [three[2].key]
    assert set(*kept(own, "ratios").values()) >= {"claim-lifo-1e3", "claim-lifo-1e5"}
    assert not (own / "counts").exists()
    assert run_backfill(own, "--newest", "1", "--all-workloads", "--only", "instructions") == 0
    (names,) = kept(own, "counts").values()
    assert set(names) > set(project().counted)
    assert "wake-up" not in names


@pytest.mark.parametrize("what", ["counts", "ratios"])
def test_a_package_that_fails_is_a_gap_tried_again(
    what: str, three: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def count(package: Package, _: str) -> dict[str, Any]:
        if package.sha == three[1].sha:
            raise RuntimeError("Traceback:\n  it cannot be imported")
        return counted(1000)

    def measure(_base: Side, head: Side, *_: object) -> dict[str, Any]:
        if head.commit == three[1].sha:
            raise InfrastructureError("Traceback:\n  it cannot be imported")
        return timed(1.0)

    with monkeypatch.context() as patched:
        patched.setattr(backfill, "_counted", count)
        patched.setattr(backfill, "_INTERRUPTED_WITHIN_S", 0.01)
        patched.setattr(backfill_time, "measured", measure)
        only = ("--only", "time" if what == "ratios" else "instructions")
        assert run_backfill(tmp_path / "own", *only) == ExitCode.PASS
        err = capsys.readouterr().err
        assert err.count("d: Traceback: it cannot be imported\n") == len(project().counted)
        assert len(kept(tmp_path / "own", what)) == 2
        assert run_backfill(tmp_path / "x", *only, f"{three[1].sha}~1..{three[1].sha}") == (
            ExitCode.INFRASTRUCTURE
        )
        assert "nothing could be measured" in capsys.readouterr().err
    assert run_backfill(tmp_path / "own", *only) == ExitCode.PASS
    assert len(kept(tmp_path / "own", what)) == 3


def test_a_failed_check_is_a_failure_and_not_kept(
    three: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_base: Side, head: Side, name: str, *_: object) -> dict[str, Any]:
        return {"wrong": "a task twice"} if name == "complete" else timed(1.0)

    monkeypatch.setattr(backfill_time, "measured", measure)
    assert run_backfill(tmp_path, "--only", "time", "--newest", "1") == ExitCode.REGRESSION
    (names,) = kept(tmp_path, "ratios").values()
    assert "complete" not in names


def test_what_the_anchor_lacks_is_compared_with_the_first_package_that_has_it(
    three: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def measure(base: Side, head: Side, name: str, *_: object) -> dict[str, Any]:
        asked.append((base.commit, head.commit))
        for side, error in ((head, None), (base, backfill_time.AnchorLacks("no such verb"))):
            if side.commit == three[0].sha:
                if error:
                    raise error
                return {"lacks": "no such verb"}
        return timed(1.0)

    monkeypatch.setattr(backfill_time, "measured", measure)
    assert run_backfill(tmp_path, "--only", "time", "--workload", "enqueue") == ExitCode.PASS
    found = by_package(tmp_path / "ratios")
    assert found[three[0].key]["enqueue"] == {"lacks": "no such verb"}
    for each in three[1:]:
        assert found[each.key]["enqueue"]["companion"] == {
            "key": three[1].key, "sha": three[1].sha,
        }  # fmt: skip
    assert asked.count((three[0].sha, three[2].sha)) <= 1  # then it is known


def test_histograms_are_of_the_newest_package_and_the_anchor(
    three: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = {"package": "HIST", "companion": "HIST"}
    monkeypatch.setattr(
        backfill_time,
        "measured",
        lambda *given: timed(1.0, **({"histograms": text} if given[-1] else {})),
    )
    environment = ratios.environment(f"anchor {three[0].key}")
    folder = ratios.folder_of(tmp_path, environment)
    keep(folder, three[1], environment, "enqueue", timed(1.0, histograms=text))  # once the newest
    assert run_backfill(tmp_path, "--only", "time", "--workload", "enqueue") == ExitCode.PASS
    having = {key for key, own in by_package(folder).items() if "histograms" in own["enqueue"]}
    assert having == {three[0].key, three[2].key}


def test_with_every_workload_a_package_stays_below_20_kb(
    three: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ratio = {"ratio": [1.0123, 0.98765, 1.0345], "processes": [1.0123] * 8,
        "value": 0.037521, "companion_value": 0.037521}  # fmt: skip
    names = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "service_time_ms",
        "throughput_per_s")  # fmt: skip
    own = {**timed(1.0), "confidence": 0.99, "measured_at": "2026-11-26T10:05:26+00:00",
        "elapsed_s": 17.225, "load_1m": 3.27, "metrics": dict.fromkeys(names, ratio)}  # fmt: skip
    monkeypatch.setattr(backfill_time, "measured", lambda *_, **__: own)
    assert run_backfill(tmp_path, "--only", "time", "--all-workloads", "--newest", "2") == 0
    folder, of_reference = sorted((tmp_path / "ratios").iterdir())
    assert set(by_package(of_reference)[three[1].key]) >= {"contention-8", "wake-up"}
    assert all(path.stat().st_size < 20_000 for path in folder.iterdir())
    found = by_package(folder)[three[1].key]
    assert len(found["enqueue"]["metrics"]["latency_p99_ms"]["processes"]) == 8
    assert set(found["retry"]["metrics"]) == set(names) - {"latency_p99_ms", "service_time_ms"}


def test_each_stretch_of_time_has_old_and_new_packages() -> None:
    order = [int(each.key, 16) for each in backfill_time.spread(packages(16))]
    assert order[0] == 15
    assert sorted(order) == list(range(16))
    for start in range(0, 16, 4):
        stretch = order[start : start + 4]
        assert max(stretch) - min(stretch) >= 8


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("what", ["counts", "ratios"])
def test_ctrl_c_keeps_what_is_measured_and_calls_nothing_a_failure(
    what: str, three: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def count(package: Package, workload: str) -> dict[str, Any]:
        if package.sha == three[1].sha and workload == "enqueue":
            # As a terminal does: to the main thread and to the process that counts.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            raise RuntimeError("its process ended by signal 2")
        return counted(1000)

    def measure(_base: Side, head: Side, name: str, *_: object) -> dict[str, Any]:
        if name == "enqueue":
            raise KeyboardInterrupt
        return timed(1.0)

    monkeypatch.setattr(backfill, "_counted", count)
    monkeypatch.setattr(backfill_time, "measured", measure)
    only = "time" if what == "ratios" else "instructions"
    assert run_backfill(tmp_path / "own", "--only", only) == ExitCode.INTERRUPTED
    assert "not counted" not in capsys.readouterr().err
    own = kept(tmp_path / "own", what)
    if what == "ratios":
        assert own == {three[2].key: ["claim-fifo-1e5", "claim-lifo-1e5"]}
    else:
        assert own[three[2].key] == sorted(project().counted)
        assert own[three[1].key] == ["claim-fifo-1e5", "claim-lifo-1e5"]


def test_an_anchor_that_is_none_is_bad_input(three: list[Package], tmp_path: Path) -> None:
    (tmp_path / "repository" / "results" / "anchor").write_text("\n")
    with pytest.raises(BadInput, match="names no commit"):
        backfill_time.anchor_package()
    assert run_backfill(tmp_path / "own", "--only", "time") == ExitCode.BAD_INPUT


def test_a_new_anchor_begins_a_series_and_asks_for_an_overlap(
    three: list[Package], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    assert run_backfill(own, "--only", "time") == ExitCode.PASS
    assert "a new series" not in capsys.readouterr().err
    new = ("--anchor", three[1].sha[:9], "--newest", "1")
    assert run_backfill(own, "--only", "time", *new) == ExitCode.PASS
    assert "--newest 3 --anchor OLD" in capsys.readouterr().err
    assert main(["history", "--results", str(own)]) == ExitCode.PASS
    out, err = capsys.readouterr()
    assert "1 series of another anchor or machine are apart" in err
    assert (
        f"Ratios are to the anchor, the package of {three[0].sha[:7]} (0)." in out
    )  # the longer one


def keep_all(results: Path, some: Sequence[Package], first: float = 1000) -> None:
    environment = counts.environment(backfill.SEEDS)
    for number, package in enumerate(some):
        value = counted(first * 1.1**number, statements=number)
        keep(counts.folder_of(results, environment), package, environment, "enqueue", value)


def test_the_history_shows_changes_with_range_cause_and_command(
    three: list[Package], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_all(tmp_path, [three[0], three[2]])
    assert main(["history", "--results", str(tmp_path)]) == ExitCode.PASS
    out = capsys.readouterr().out
    ends = f"{three[0].sha[:7]}..{three[2].sha[:7]}"
    assert f"+10.0%  {ends}  one of 2 packages" in out
    assert "+1 statements" in out
    assert f"bisect {three[0].sha[:7]} {three[2].sha[:7]} enqueue" in out
    assert main(["history", "--json", "--results", str(tmp_path)]) == ExitCode.PASS
    (series,) = json.loads(capsys.readouterr().out)
    assert series["gaps"] == [three[1].sha]
    assert series["change_points"][0]["counters"]["statements"] == [0, 1]
    assert main(["history", "nix", "--results", str(tmp_path)]) == ExitCode.BAD_INPUT


def test_a_history_that_lags_is_red_with_the_command_that_helps(
    three: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    check = ["history", "--check", "--results", str(tmp_path)]
    keep_all(tmp_path, three[:1])
    monkeypatch.setattr(history_command, "MOST_BEHIND", 2)
    assert main(check) == ExitCode.PASS
    monkeypatch.setattr(history_command, "MOST_BEHIND", 1)
    assert main(check) == ExitCode.REGRESSION
    assert "backfill --only instructions --newest 2 --results results" in capsys.readouterr().err
    keep_all(tmp_path, three[2:])
    assert main(check) == ExitCode.PASS


def test_a_shallow_clone_says_that_it_is_one_and_passes(
    three: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    keep_all(tmp_path / "own", three[:1])
    clone = tmp_path / "clone"
    source = (tmp_path / "repository").as_uri()
    subprocess.run(["git", "clone", "--quiet", "--depth=1", source, str(clone)], check=True)
    for module in (backfill, backfill_time, history_command):
        monkeypatch.setattr(module, "ROOT", clone)
    monkeypatch.setattr(history_command, "MOST_BEHIND", 0)
    own = str(tmp_path / "own")
    assert main(["history", "--check", "--results", own]) == ExitCode.PASS
    assert "git fetch --unshallow" in capsys.readouterr().out
    assert run_backfill(tmp_path / "own", "--only", "instructions") == ExitCode.PASS
    assert "git fetch --unshallow" in capsys.readouterr().err
    assert run_backfill(tmp_path / "own", "--only", "time") == ExitCode.BAD_INPUT
    assert "the anchor: " in capsys.readouterr().err
