"""asv's own pages of the published history, with their scripts, and without unproven regressions.

asv's index.html loads its scripts from other hosts. They are fetched with npm, once, in the
versions below, and copied next to the pages with their licences; a file that is not the expected
one is refused. Its Regressions page keeps what a comparison in results/comparisons confirms.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from benchmarks.common.exits import LabError
from benchmarks.common.git import git_text
from benchmarks.common.project import LAB, lab_folder, project, root
from benchmarks.records.series import INSTRUCTIONS
from benchmarks.reporting.asv_export import export

CONFIGURATION = LAB / "benchmarks" / "asv.published.conf.json"
PACKAGES = ("jquery@3.3.1", "flot@0.8.3", "flot-orderbars@1.0.0", "stupid-table-plugin@1.1.3",
            "blueimp-md5@2.19.0", "bootstrap@3.1.1")  # fmt: skip
SCRIPTS = {
    "jquery-3.3.1.min.js": ("jquery/dist/jquery.min.js", "160a426ff2894252"),
    "jquery.flot.min.js": ("flot/jquery.flot.js", "b7b931f273c38b12"),
    "jquery.flot.time.min.js": ("flot/jquery.flot.time.js", "a582c832adc7138a"),
    "jquery.flot.selection.min.js": ("flot/jquery.flot.selection.js", "e6c85f6c1ebe4b4d"),
    "jquery.flot.categories.min.js": ("flot/jquery.flot.categories.js", "6e81664b28ea795c"),
    "jquery.flot.orderBars.js": ("flot-orderbars/js/jquery.flot.orderBars.js", "39735b4f46f96ff4"),
    "stupidtable.min.js": ("stupid-table-plugin/stupidtable.min.js", "4642380f28ebe9ed"),
    "md5.min.js": ("blueimp-md5/js/md5.min.js", "64d7ded388c562e4"),
    "bootstrap.min.js": ("bootstrap/dist/js/bootstrap.min.js", "898d05a17f2cfc51"),
    "bootstrap.min.css": ("bootstrap/dist/css/bootstrap.min.css", "e9503448692b738d"),
}
"""What index.html loads, by the last part of its address: the file in npm's package, and how its
SHA-256 begins."""
SMALLEST_TIMED_STEP = 0.05
"""A smaller step is confirmed by counted instructions only."""
_PATIENCE_S = 120
_ATOM = "{http://www.w3.org/2005/Atom}"
_LOADED = re.compile(r'(<(?:script|link) [^>]*?(?:src|href))="https://[^"]*/([^"/]+)"[^>]*?(?=/?>)')


class NoPages(LabError):
    """asv's pages cannot be made here; the message says why."""


def asv_pages(results: Path, progress: Callable[[str], None] = lambda _: None) -> Path:
    """asv's pages of a results folder; those made earlier where nothing has changed since.

    Raises:
        NoPages: asv or npm is missing, there is no network, or the clone lacks the commits.
    """
    try:
        return _pages(results, lab_folder() / "asv-published", progress)
    except (LabError, OSError, ValueError, KeyError, TypeError,
            subprocess.TimeoutExpired) as error:  # fmt: skip
        raise NoPages(f"asv's pages are left out: {error}") from None


def _pages(results: Path, folder: Path, progress: Callable[[str], None]) -> Path:
    html, note, configured = folder / "html", folder / "made-of", folder / "asv.conf.json"
    exported = export(results, folder / "results")
    if not (exported / "benchmarks.json").exists():
        raise NoPages(f"{results} has no records of this repository's packages")
    comparisons = sorted((results / "comparisons").glob("*.json"))
    made_of = _hash(*sorted(exported.rglob("*.json")), *comparisons, Path(__file__))
    made_of += git_text(root(), "rev-parse", "HEAD")
    if note.exists() and note.read_text() == made_of:
        return html
    note.unlink(missing_ok=True)
    scripts = _fetch(lab_folder() / "npm", progress)
    progress("asv publish")
    settings = json.loads(re.sub(r"^\s*//.*$", "", CONFIGURATION.read_text("utf-8"), flags=re.M))
    settings |= {
        "project": project().name, "repo": f"{root()}", "benchmark_dir": f"{LAB / 'benchmarks'}",
        "results_dir": f"{exported}", "html_dir": f"{html}", "env_dir": f"{folder / 'env'}",
    }  # fmt: skip
    configured.write_text(json.dumps(settings), "utf-8")
    _run([sys.executable, "-m", "asv", "--config", f"{configured}", "publish", "--no-pull"], folder)
    keep_confirmed(html, [json.loads(path.read_text("utf-8")) for path in comparisons])
    _use_local(html, scripts)
    note.write_text(made_of)
    return html


def keep_confirmed(html: Path, comparisons: Sequence[Mapping[str, Any]]) -> None:
    """Leave in regressions.json and its feed what one of the comparisons confirms."""
    index = json.loads((html / "index.json").read_text("utf-8"))
    numbers = {sha: int(number) for number, sha in index["revision_to_hash"].items()}
    shas = {number: sha for sha, number in numbers.items()}
    # asv numbers all commits, and names those it has results of; a comparison may be of others.
    compared = {each[side]["commit"] for each in comparisons for side in ("base", "head")}
    numbers |= {sha: number for sha in compared if (number := _number(sha, shas)) is not None}
    found = json.loads((html / "regressions.json").read_text("utf-8"))["regressions"]
    kept, links = [], set()
    for name, *about, jumps in found:
        true = [jump for jump in jumps
                if any(_confirms(each, name, jump, numbers) for each in comparisons)]  # fmt: skip
        if true:
            kept.append([name, *about, true])
            links |= {(name, shas[jump[1]]) for jump in true}
    (html / "regressions.json").write_text(json.dumps({"regressions": kept}), "utf-8")
    ET.register_namespace("", _ATOM[1:-1])
    feed = ET.parse(html / "regressions.xml")
    for entry in feed.getroot().findall(f"{_ATOM}entry"):
        addresses = [link.get("href", "") for link in entry.iter(f"{_ATOM}link")]
        name, _, rest = unquote_plus("".join(addresses[:1])).rpartition("#")[2].partition("?")
        if (name, rest[-40:]) not in links:
            feed.getroot().remove(entry)
    feed.write(html / "regressions.xml", "utf-8", xml_declaration=True)


def _number(sha: str, shas: Mapping[int, str]) -> int | None:
    """asv's number of a commit: that of its newest ancestor which has one."""
    try:
        known = {*git_text(root(), "rev-list", "--first-parent", sha).split()}
    except LabError:
        return None
    return max((number for number, each in shas.items() if each in known), default=None)


def _confirms(
    comparison: Mapping[str, Any], name: str, jump: Sequence[Any], numbers: Mapping[str, int]
) -> bool:
    """Whether it is of two commits around the step, and found the workload slower."""
    _, after, old, new = jump
    base, head = (numbers.get(comparison[side]["commit"]) for side in ("base", "head"))
    if base is None or head is None or not base < after <= head:
        return False
    workload, _, figure = name.rpartition(".")
    own = next((each for each in comparison["workloads"] if each["name"] == workload), None)
    if own is None:
        return False
    if figure == INSTRUCTIONS or new / old - 1 < SMALLEST_TIMED_STEP:
        counted = [each for each in own.get("counters", ()) if each["counter"] == INSTRUCTIONS]
        return any(each["head"] > each["base"] * (1 + each.get("noise", 0)) for each in counted)
    metric = figure.removesuffix("_ratio")
    return any(metric in m["metric"] and m["verdict"] == "regressed" for m in own["metrics"])


def _use_local(html: Path, packages: Path) -> None:
    """Load the page's scripts from npm's files, copied next to it with their licences."""
    page = html / "index.html"

    def local(found: re.Match[str]) -> str:
        if found[2] not in SCRIPTS:
            raise NoPages(f"this version of asv loads {found[2]}, which is not known here")
        return f'{found[1]}="vendor/{SCRIPTS[found[2]][0]}"'

    text = _LOADED.sub(local, page.read_text("utf-8"))
    for path, _ in SCRIPTS.values():
        package = path.split("/")[0]
        wanted = [packages / path, *packages.glob(f"{package}/[Ll][Ii][Cc][Ee][Nn][SsCc]*")]
        wanted += [packages / package / "package.json", *packages.glob(f"{package}/dist/fonts/*")]
        for each in wanted:
            target = html / "vendor" / each.relative_to(packages)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(each, target)
    page.write_text(text, "utf-8")


def _fetch(cache: Path, progress: Callable[[str], None]) -> Path:
    """npm's packages, in a cache; their folder."""
    packages = cache / "node_modules"
    if not all((packages / path).is_file() for path, _ in SCRIPTS.values()):
        npm = shutil.which("npm")
        if npm is None:
            raise NoPages("their scripts need npm: install it (apt install npm)")
        progress("fetching the scripts of asv's pages with npm")
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "package.json").write_text("{}", "utf-8")
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save"]
        _run([npm, "install", *options, *PACKAGES], cache)
    for path, sha256 in SCRIPTS.values():
        if not _hash(packages / path).startswith(sha256):
            raise NoPages(f"{packages / path} is not the file that was expected: delete {cache}")
    return packages


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                          timeout=_PATIENCE_S)  # fmt: skip
    if done.returncode:
        why = " ".join((done.stderr or done.stdout).split())[-300:]
        raise NoPages(f"{' '.join(command[-8:]):.80} failed: {why}")


def _hash(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
