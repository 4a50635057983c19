"""Build the static site from results/: open its index.html, without a server.

Lines of the history that cannot be read are reported, but are not a failure.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.commands.compare import LAST_COMPARISON
from benchmarks.common.exits import ExitCode, InfrastructureError, LabError
from benchmarks.common.git import is_shallow
from benchmarks.common.options import existing_folder, output_folder
from benchmarks.common.progress import Progress
from benchmarks.common.project import lab_folder, root
from benchmarks.records.packages import Package, distinct_packages
from benchmarks.workloads import all_workloads

if TYPE_CHECKING:
    from benchmarks.reporting.publish import Published

OUT = lab_folder() / "site"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "--out", type=output_folder, default=OUT, metavar="DIR",
        help="where to; an earlier site there is replaced (default: .lab/site)",
    )  # fmt: skip
    add_sources(parser)


def add_sources(parser: argparse.ArgumentParser) -> None:
    """The arguments for the site's sources; `preview` has these, too."""
    add = parser.add_argument
    add("--results", type=existing_folder, metavar="DIR",
        help="the results folder (default: results)")  # fmt: skip
    add("--asv", type=existing_folder, metavar="DIR",
        help="what 'asv publish' wrote (default: asv's pages are made of the records)")  # fmt: skip
    add("--repository-url", default="", metavar="URL",
        help="where the web shows the repository, for links to commits (none)")  # fmt: skip
    add("--quiet", action="store_true", help="no progress on standard error")


def run(options: argparse.Namespace) -> int:
    """Build it and say where it is; the exit code."""
    published = build(options, options.out)
    print(f"{published.pages} pages: {published.index}")
    return ExitCode.PASS


def build(options: argparse.Namespace, out: Path) -> Published:
    """Publish from the sources that the options name; say on stderr what could not be read.
    BadInput where `out` was not made by the lab, or targets.toml is wrong."""
    try:
        from benchmarks.judging.targets import read_thresholds
        from benchmarks.reporting.publish import check, publish

        check(out, options.repository_url)
        limits = read_thresholds()
        with Progress(options.quiet) as progress:
            published = publish(
                out,
                options.results,
                packages=_packages(),
                limits=limits,
                about=_descriptions(),
                last_comparison=None if options.results else LAST_COMPARISON,
                asv_html=options.asv or _asv(options, progress),
                repository_url=options.repository_url,
                progress=progress.tell,
            )
    except (ImportError, OSError) as error:
        raise InfrastructureError(f"the site could not be built: {error}") from error
    for problem in published.problems:
        print(f"warning: not read: {problem}", file=sys.stderr)
    return published


def _asv(options: argparse.Namespace, progress: Progress) -> Path | None:
    """asv's pages of the results; None where they cannot be made, with a message that says why."""
    from benchmarks.reporting.asv_pages import NoPages, asv_pages

    try:
        return asv_pages(options.results or root() / "results", progress.tell)
    except NoPages as error:
        print(f"note: {error}", file=sys.stderr)
        return None


def _packages() -> list[Package]:
    """The packages of the repository's history; [] in a shallow clone, so that ages are those of
    the records."""
    try:
        return [] if is_shallow(root()) else distinct_packages(root())
    except LabError:
        return []


def _descriptions() -> dict[str, str]:
    """By workload, the first sentence of its class's docstring."""
    return {
        name: " ".join((type(workload).__doc__ or "").split("\n\n")[0].split())
        for name, workload in all_workloads().items()
    }
