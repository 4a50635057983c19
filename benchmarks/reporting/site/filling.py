"""The templates of the pages, with autoescape and the filters of `words`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.common.project import project
from benchmarks.reporting.site import words

HERE = Path(__file__).parent
ASSETS = HERE / "assets"


def templates() -> Any:
    """The templates; what a page names and nobody gives is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["project"] = project().name
    environment.filters |= {
        "label": words.label,
        "short": words.short,
        "shown": words.shown,
        "share": words.share,
        "count": words.count,
        "slug": words.slug,
        "side": lambda name: "the work tree" if name == "WORK" else name,
        "fingerprint": fingerprint,
    }
    return environment


def fingerprint(environment: Mapping[str, Any]) -> str:
    """What of a machine matters to its figures, in one line."""
    named = {
        "cpu": "{}", "cores": "{} cores", "kernel": "kernel {}", "python": "{}",
        "sqlite": "SQLite {}", "filesystem": "{}", "load_1m": "load {}", "valgrind": "{}",
    }  # fmt: skip
    found = [text.format(environment[key]) for key, text in named.items() if environment.get(key)]
    return " · ".join(found)
