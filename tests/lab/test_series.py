"""The history's files, a package each, and the series that are read from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.common.exits import BadInput, InfrastructureError
from benchmarks.records.package_files import by_package, keep
from benchmarks.records.series import current, read_series

from .synthetic_packages import (
    COUNTED_ON,
    TIMED_ON,
    counted,
    keep_counts,
    keep_ratios,
    packages,
    timed,
)


def test_a_workload_is_added_to_its_package_and_replaced(tmp_path: Path) -> None:
    (package,) = packages(1)
    keep(tmp_path, package, COUNTED_ON, "enqueue", counted(1000))
    keep(tmp_path, package, COUNTED_ON, "claim", counted(2000))
    keep(tmp_path, package, COUNTED_ON, "enqueue", counted(1001))
    assert by_package(tmp_path) == {package.key: {"enqueue": counted(1001), "claim": counted(2000)}}
    assert [each.name for each in tmp_path.iterdir()] == [f"{package.key}.json"]


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"schema": 1}', '{"schema": 1, "workloads": 5}', '{"schema": "x"}', "[" * 9999,
     '{"schema": 1, "package": {}, "environment": {}, "workloads": {}}', '{"schema": 1'],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_measured_again(tmp_path: Path, text: str) -> None:
    path = keep(tmp_path, packages(1)[0], COUNTED_ON, "enqueue", counted(1000))
    path.write_text(text)
    assert by_package(tmp_path) == {}
    keep(tmp_path, packages(1)[0], COUNTED_ON, "enqueue", counted(1000))
    assert len(by_package(tmp_path)) == 1


@pytest.mark.parametrize(
    ("old", "new"), [("1000", "0"), ("1000", "NaN"), ("2.5", '"b"'), ('"counters"', '"other"')]
)
def test_figures_that_make_no_sense_are_measured_again(tmp_path: Path, old: str, new: str) -> None:
    path = keep(tmp_path, packages(1)[0], COUNTED_ON, "enqueue", counted(1000, fsyncs=2.5))
    path.write_text(path.read_text().replace(old, new))
    assert by_package(tmp_path) == {}


def test_what_a_newer_lab_wrote_is_not_replaced(tmp_path: Path) -> None:
    path = keep(tmp_path, packages(1)[0], COUNTED_ON, "enqueue", counted(1000))
    path.write_text('{"schema": 2}')
    with pytest.raises(BadInput, match="newer"):
        by_package(tmp_path)
    with pytest.raises(BadInput, match="newer"):
        keep(tmp_path, packages(1)[0], COUNTED_ON, "enqueue", counted(1000))
    assert path.read_text() == '{"schema": 2}'


def test_what_cannot_be_kept_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    path = keep(tmp_path, packages(1)[0], COUNTED_ON, "enqueue", counted(1000))
    path.unlink()
    path.mkdir()
    with pytest.raises(InfrastructureError, match="not kept"):
        keep(tmp_path, packages(1)[0], COUNTED_ON, "enqueue", counted(1000))
    assert list(tmp_path.iterdir()) == [path]


def test_series_are_in_the_order_of_commits_with_gaps_age_and_counters(tmp_path: Path) -> None:
    some = packages(6)
    keep_counts(tmp_path, some, [counted(1000 + n, statements=n) for n in range(6)])
    lacks = {"lacks": "it"}
    keep_ratios(tmp_path, some[:4], [lacks, timed(1.2), timed(1.1), timed(1.0)])
    (tmp_path / "ratios").joinpath(next((tmp_path / "ratios").iterdir()).name,
        f"{some[2].key}.json").unlink()  # fmt: skip

    found = {each.metric: each for each in read_series(tmp_path, some)}

    ratio, instructions = found["latency_p95_ms"], found["instructions"]
    assert [each.package.subject for each in ratio.points] == ["commit 1", "commit 3"]
    assert [each.counters["statements"] for each in ratio.points] == [1, 3]
    assert [each.subject for each in ratio.gaps] == ["commit 2"]
    assert (ratio.age.commits, ratio.age.packages, ratio.age.days) == (4, 2, 2.0)
    assert str(instructions.age) == "up to date"
    assert (ratio.kind, instructions.kind) == ("time", "instructions")
    assert ratio.companion == TIMED_ON["companion"]


def test_another_host_anchor_or_companion_is_another_series(tmp_path: Path) -> None:
    some = packages(3)
    keep_ratios(tmp_path, some[:1], [timed(1.3)])
    keep_ratios(tmp_path, some[1:], [timed(1.0)] * 2, environment={**TIMED_ON, "cpu": "b"})
    keep_ratios(tmp_path, some[:2], [timed(1.1)] * 2, environment={
        **TIMED_ON, "companion": "anchor 0000000000000001"})  # fmt: skip
    instead = {"key": some[2].key, "sha": some[2].sha}
    keep_ratios(tmp_path, some[2:], [timed(1.0, companion=instead)], "claim")
    keep_ratios(tmp_path, some[2:], [timed(3.0)], "wake-up", environment={
        **TIMED_ON, "companion": "reference_sqlite abc"})  # fmt: skip

    found = [each for each in read_series(tmp_path, some) if each.metric == "latency_p50_ms"]

    assert [(each.workload, len(each.points)) for each in found] == [
        ("claim", 1), ("enqueue", 2), ("enqueue", 2), ("enqueue", 1), ("wake-up", 1)
    ]  # fmt: skip
    assert found[0].companion == f"anchor {some[2].key}"
    assert found[-1].kind == "waits"
    assert [each.environment["cpu"] for each in current(found)] == ["a", "b", "a"]


@pytest.mark.parametrize(("new", "shown"), [(9, "a"), (10, "b")])
def test_the_first_records_of_a_new_machine_do_not_replace_the_history(
    new: int, shown: str, tmp_path: Path
) -> None:
    some = packages(14)
    keep_ratios(tmp_path, some[:12], [timed(1.0)] * 12)
    keep_ratios(tmp_path, some[-new:], [timed(1.1)] * new, environment={**TIMED_ON, "cpu": "b"})

    everything = read_series(tmp_path, some)

    assert {each.environment["cpu"] for each in everything} == {"a", "b"}
    assert {each.environment["cpu"] for each in current(everything)} == {shown}


def test_a_package_that_comes_back_is_in_both_places_and_unknown_ones_in_none(
    tmp_path: Path,
) -> None:
    one, two, elsewhere = packages(3)
    keep_counts(tmp_path, [one, two, elsewhere], [counted(1), counted(2), counted(3)])
    (series,) = read_series(tmp_path, [one, two, one])
    assert [each.value for each in series.points] == [1, 2, 1]
    (by_records,) = read_series(tmp_path, [])
    assert [each.value for each in by_records.points] == [1, 2, 3]
