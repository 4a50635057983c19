"""The history's proof: its judgement on made-up pools, and the command on tiny ones."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.commands import prove
from benchmarks.commands.prove import fill
from benchmarks.common.exits import BadInput
from benchmarks.proving.history_proof import ADDED, SCALED, SERIES, claims, proof
from benchmarks.proving.proof import read_lines
from benchmarks.records.packages import content_key
from benchmarks.reporting.filling import render

ROOT = Path(__file__).resolve().parents[2]


def pool(step: float, sigma: float = 0.008, seed: int = 1) -> list[dict[str, Any]]:
    """A pool with a step of the times, and a tenth of it of the instructions."""
    chance = random.Random(seed)
    key = content_key(ROOT)
    records: list[dict[str, Any]] = []
    for planted, count in ((False, 120), (True, 60)):
        for number in range(count):
            common = {"planted": planted, "number": number, "load": number % 3, "package": key}
            metrics = {}
            for name in SERIES:
                moved = step * (-1 if name.endswith("_per_s") else 1) if planted else 0.0
                ratio = (1 + moved) * chance.lognormvariate(0, sigma)
                drift = chance.lognormvariate(0, 0.15)
                metrics[name] = {"ratio": [ratio, 0.99 * ratio, 1.01 * ratio],
                                 "value": ratio * drift}  # fmt: skip
            records.append({"kind": "time", "load_1m": 1.0, "metrics": metrics, **common})
            count_ = 170_000 * (1 + step / 10 * planted) * chance.lognormvariate(0, 2e-4)
            records.append({"kind": "instructions", "instructions": count_, **common})
    return records


def row(found: dict[str, Any], series: str, by: str) -> dict[str, Any]:
    return next(each for each in found["steps"] if (each["series"], each["by"]) == (series, by))


def test_a_step_is_found_and_nothing_else() -> None:
    found = proof(pool(0.11))
    assert all(each["holds"] for each in found["claims"])
    assert len(found["claims"]) == 3 + 5 + 2
    for series, step in (("latency_p50_ms", 0.11), ("instructions", 0.011)):
        ours = row(found, series, "ours")
        assert (ours["found"], ours["flat_alarms"]) == (40, 0)
        assert ours["step"] == pytest.approx(step, rel=0.1)
    assert row(found, "latency_p50_ms", SCALED)["step"] == pytest.approx(0.10, abs=0.003)
    assert row(found, "latency_p95_ms", ADDED)["found"] >= 38
    assert row(found, "throughput_per_s", SCALED)["step"] == pytest.approx(-0.091, abs=0.003)
    assert row(found, "latency_p50_ms", "asv, ratio")["found"] >= 38
    assert row(found, "latency_p50_ms", "asv, absolute")["found"] <= 10
    assert set(found["one_package"].values()) == {0}


def test_a_pool_with_too_much_noise_misses_its_claims() -> None:
    found = proof(pool(0.11, sigma=0.06))
    missed = [each["what"] for each in found["claims"] if not each["holds"]]
    assert "spread of latency_p50_ms at most 1.0 %" in missed
    assert any(each.startswith("a step of +10 %") for each in missed)
    assert "**missed**" in render(
        "proof_history.md", command="prove --history", one_package_records=40, **found
    )


def test_a_plant_that_is_none_is_not_found() -> None:
    assert row(proof(pool(0.0)), "latency_p50_ms", "ours")["found"] == 0


def test_few_records_prove_nothing_and_break_nothing() -> None:
    found = proof(pool(0.11)[:8])
    assert (found["steps"], found["one_package"]) == ([], {})
    assert claims({"spread": {}, "one_package": {}, "steps": []}) == []
    assert proof([])["spread"] == {}


def test_the_pool_is_filled_and_goes_on_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def measured(_anchor: object, side: Any, *_: object) -> dict[str, Any]:
        asked.append(side.name.endswith("-planted"))
        return {"load_1m": 1.0, "metrics": {}}

    monkeypatch.setattr(prove, "measured", measured)
    monkeypatch.setattr(prove, "_counted", lambda *_: {"instructions": 1.0})
    monkeypatch.setattr(prove, "why_not", lambda: "")
    path = tmp_path / "pool.ndjson"
    assert fill(path, 2, 1, "WORK", 0.0, quiet=True) is False
    assert fill(path, 2, 1, "WORK", 60.0, quiet=True)
    assert sorted(asked) == [False, False, True]
    text = path.read_text()
    path.write_text(text[:-20])  # cut off by a kill
    assert fill(path, 2, 1, "WORK", 60.0, quiet=True)
    assert len(read_lines(path)) == 6
    assert len(asked) == 3


def test_records_of_another_package_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "history-pool.ndjson"
    path.write_text(json.dumps({**pool(0.1)[0], "package": "another"}) + "\n")
    with pytest.raises(BadInput, match="another package than HEAD: delete it"):
        fill(path, 2, 1, "HEAD", 60.0)


def test_a_full_pool_is_judged_without_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "history-pool.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in pool(0.11)))
    assert main(["prove", "--history", "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "| spread of latency_p50_ms at most 1.0 % |" in printed
    assert json.loads((tmp_path / "history.json").read_text())["records"]["time"] == 120
    assert (tmp_path / "history.md").read_text() in printed
