"""The rules that keep the tree readable: sizes, one copy of the transitions, no leftovers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tubeq.domain.states import TRANSITIONS, TaskEvent, TaskStatus

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])
HARD_LIMIT_OF_LINES = 500
FUNCTION_LIMIT_OF_LINES = 70


def by_name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=by_name)
def test_a_file_is_one_idea(path):
    assert len(path.read_text("utf-8").splitlines()) <= HARD_LIMIT_OF_LINES


@pytest.mark.parametrize("path", SOURCES, ids=by_name)
def test_a_function_fits_on_a_screen_or_two(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LIMIT_OF_LINES, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=by_name)
def test_a_module_says_what_it_is(path):
    tree = ast.parse(path.read_text("utf-8"))
    assert not tree.body or ast.get_docstring(tree)


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
