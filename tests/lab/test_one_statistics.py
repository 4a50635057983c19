"""Quantiles and intervals are computed in one module: common/statistics.py."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
OWN = BENCHMARKS / "common" / "statistics.py"
NAMES = {"quantile", "percentile", "order_interval", "bootstrap", "confidence_interval"}
SOURCES = {"scipy", "stdtrit", "stdtr", "betaincinv", "NormalDist", "lgamma"}


def second_statistics(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in NAMES:
            yield f"line {node.lineno} defines {node.name}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in (
            "scipy", "statistics",
        ):  # fmt: skip
            names = {each.name for each in node.names} & (NAMES | SOURCES | {"quantiles"})
            if names or node.module != "statistics":
                yield f"line {node.lineno} imports {', '.join(sorted(names)) or node.module}"
        if isinstance(node, ast.Attribute) and node.attr in SOURCES:
            yield f"line {node.lineno} uses {node.attr}"
        # as in "ordered, at int(share times len)"
        if isinstance(node, ast.Subscript) and _is_a_share_of_a_length(node.slice):
            yield f"line {node.lineno} picks an order statistic"


def _is_a_share_of_a_length(index: ast.AST) -> bool:
    return any(
        isinstance(each, ast.BinOp)
        and isinstance(each.op, ast.Mult)
        and any(
            isinstance(side, ast.Call) and getattr(side.func, "id", "") == "len"
            for side in (each.left, each.right)
        )
        for each in ast.walk(index)
    )


def test_there_is_no_second_one() -> None:
    found = [
        f"{path.relative_to(BENCHMARKS)}: {what}"
        for path in sorted(BENCHMARKS.rglob("*.py"))
        if path != OWN
        for what in second_statistics(ast.parse(path.read_text("utf-8")))
    ]
    assert found == []


def test_a_second_one_would_be_found() -> None:
    text = """
from statistics import quantiles, median
def percentile(values, share):
    return sorted(values)[int(len(values) * share)]
"""
    assert len(list(second_statistics(ast.parse(text)))) == 3
