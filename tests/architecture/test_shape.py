"""The rules that keep the tree readable: sizes, one copy of the transitions, no leftovers."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tubeq.domain.states import TRANSITIONS, TaskEvent, TaskStatus

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])
HARD_LIMIT_OF_LINES = 500
FUNCTION_LIMIT_OF_LINES = 70


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path):
    return ast.parse(path.read_text("utf-8"))


def test_a_file_is_one_idea():
    lines = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {name: count for name, count in lines.items() if count > HARD_LIMIT_OF_LINES} == {}


def test_a_function_fits_on_a_screen_or_two():
    too_long = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION_LIMIT_OF_LINES
    ]
    assert too_long == []


def test_a_module_says_what_it_is():
    trees = {name_of(path): tree_of(path) for path in SOURCES}
    assert [name for name, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []


def test_the_diagram_in_the_docs_is_the_transitions():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    diagram = text.split("stateDiagram-v2")[1].split("```")[0]
    drawn = {
        tuple(part.strip() for part in line.replace("-->", ":").split(":"))
        for line in diagram.splitlines()
        if "-->" in line
    }
    expected = {("[*]", "QUEUED", "created")} | {
        (str(source), str(transition.target), str(event))
        for event, transition in TRANSITIONS.items()
        for source in transition.sources
    }
    assert drawn == expected


def test_every_event_has_its_transition_and_every_state_is_reached():
    assert set(TRANSITIONS) == set(TaskEvent)
    assert {transition.target for transition in TRANSITIONS.values()} == set(TaskStatus)
