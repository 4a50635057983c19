"""The templates of pages and of Markdown, with the filters of `words`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.common.project import project
from benchmarks.records.history import file_stem
from benchmarks.records.packages import moment
from benchmarks.reporting import text, words

HERE = Path(__file__).parent
ASSETS = HERE / "site" / "assets"


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
        autoescape=lambda name: not str(name).endswith(".md"),
    )  # fmt: skip
    filters = (
        words.bound, words.count, words.label, words.number, words.share, words.short, words.shown,
        words.size, words.slug, file_stem, fingerprint, moment, plain,
    )  # fmt: skip
    environment.filters |= {each.__name__: each for each in filters}
    environment.filters["side"] = lambda name: "the work tree" if name == "WORK" else name
    environment.globals |= {"style": (ASSETS / "style.css").read_text("utf-8"), "text": text}
    return environment


def render(template: str, **values: Any) -> str:
    """A template filled. What it names and `values` lack is an error."""
    return str(_environment().get_template(template).render(project=project().name, **values))


def fill(template: str, path: Path, **values: Any) -> Path:
    """Fill a template into a file, whose folder is made."""
    filled = render(template, **values)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(filled, encoding="utf-8", newline="\n")
    return path


def fingerprint(environment: Mapping[str, Any]) -> str:
    """What of a machine matters to its figures, in one line."""
    named = {"cpu": "{}", "cores": "{} cores", "kernel": "kernel {}", "wine": "Wine {}",
             "python": "{}", "sqlite": "SQLite {}", "filesystem": "{}", "load_1m": "load {}",
             "valgrind": "{}"}  # fmt: skip
    found = [text.format(environment[key]) for key, text in named.items() if environment.get(key)]
    return " · ".join(found)


def plain(given: str) -> str:
    """Text for Markdown that neither ends a table's cell nor becomes markup."""
    marks = str.maketrans({"\\": "\\\\", "|": "\\|", "&": "&amp;", "<": "&lt;", ">": "&gt;",
                           "`": "&#96;"})  # fmt: skip
    return " ".join(given.translate(marks).split())
