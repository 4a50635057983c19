"""What the pytest-benchmark suites share: the workloads as parameters, percentiles and counters
added to pytest-benchmark's figures, in its saved JSON (`extra_info`) and in a table of their own.

    pytest benchmarks                                     # smoke sizes
    pytest benchmarks --lab-profile regular --benchmark-save base
    pytest benchmarks --lab-profile regular --benchmark-compare --benchmark-sort name

pytest is imported inside functions only: asv imports this module in environments without it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.counters import measure_counters
from benchmarks.measuring.sample import warm_up_calls
from benchmarks.records.environment import clock_resolution_s, machine_name
from benchmarks.records.record import latency_metrics
from benchmarks.workloads import Lacks, Profile, Sample, Workload, all_workloads

if TYPE_CHECKING:
    import pytest

_rows: list[tuple[str, dict[str, Any]]] = []
_COLUMNS = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms", "throughput_per_s", "vm_steps",
            "statements", "transactions", "fsyncs")  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    """How large the workloads are."""
    profiles = [str(profile) for profile in Profile]
    what = "how much of each workload is run by the pytest-benchmark suites"
    parser.addoption("--lab-profile", choices=profiles, default=str(Profile.SMOKE), help=what)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a `workload` gets those that its module has chosen."""
    if "workload" in metafunc.fixturenames:
        workloads = [each for each in all_workloads().values() if metafunc.module.wants(each)]
        metafunc.parametrize("workload", workloads, ids=[each.name for each in workloads])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Larger profiles take longer than a test may."""
    import pytest

    if config.getoption("--lab-profile") != Profile.SMOKE:
        for item in items:
            if hasattr(item.module if isinstance(item, pytest.Function) else None, "wants"):
                item.add_marker(pytest.mark.timeout(0))


def bench(request: pytest.FixtureRequest, workload: Workload, calls_a_round: int) -> None:
    """Hand a workload to pytest-benchmark, that many calls a round, and add what it has not.

    Its own min, mean and so on are of rounds. `extra_info` has percentiles of single calls with
    their 95 % intervals, left out where there are too few calls, and counters per operation.
    """
    import pytest

    benchmark = request.getfixturevalue("benchmark")
    profile = Profile(request.config.getoption("--lab-profile"))
    rounds = max(1, workload.calls[profile] // calls_a_round)
    parts: list[Sample] = []
    used = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            state = workload.prepare(Path(folder), profile)
        except Lacks as error:
            pytest.skip(str(error))

        def restore() -> None:
            nonlocal used
            if used + calls_a_round > workload.at_once:
                workload.restore(state, used)
                used = 0
            used += calls_a_round

        try:
            workload.run(state, warm_up_calls(workload.calls[profile]))
            run = lambda: parts.append(workload.work(state, calls_a_round))  # noqa: E731
            benchmark.pedantic(run, setup=restore, rounds=rounds)
            workload.restore(state, used)
            workload.check(state)
        finally:
            workload.close(state)
    sample = Sample()
    for part in parts:
        sample.add(part)
    benchmark.extra_info.update(_extra_info(workload, profile, sample))
    _rows.append((workload.name, benchmark.extra_info))


def _extra_info(workload: Workload, profile: Profile, sample: Sample) -> dict[str, Any]:
    info: dict[str, Any] = {
        "workload": workload.name, "profile": str(profile), "machine": machine_name(),
        "calls": len(sample.latencies_s),
    }  # fmt: skip
    for name, each in latency_metrics(sample.latencies_s, clock_resolution_s() * 1e9).items():
        short = name.removeprefix("latency_").removesuffix("_ms")
        info[f"{short}_ms"] = each.value
        if each.low is not None:
            info |= {f"{short}_low_ms": each.low, f"{short}_high_ms": each.high}
    if sample.operations and sample.elapsed_s:
        info["throughput_per_s"] = sample.operations / sample.elapsed_s
    if workload.counted_calls:
        info |= measure_counters(workload.name)
    return {**info, **sample.values}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of percentiles and counters, below pytest-benchmark's own."""
    if not _rows:
        return
    terminalreporter.section("percentiles of single calls, and counters per operation")
    width = max(len(name) for name, _ in _rows)
    heading = "".join(f"{column.replace('throughput_', ''):>13}" for column in _COLUMNS)
    terminalreporter.write_line(f"{'workload':{width}}{heading}")
    for name, info in sorted(_rows, key=lambda row: row[0]):
        cells = "".join(f"{_cell(info.get(column)):>13}" for column in _COLUMNS)
        terminalreporter.write_line(f"{name:{width}}{cells}")
    terminalreporter.write_line("-: too few calls for a 95 % interval, or not countable")


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return "-"
    return f"{value:,.0f}" if value >= 10_000 else f"{value:.4g}"
