"""plainjob, a queue for node: measured by plainjob_driver.mjs, which answers the same orders."""

from __future__ import annotations

from benchmarks.contenders.base import Queue


class Plainjob(Queue):
    """add, getAndMarkJobAsProcessing with getJobById, markJobAsDone; no results."""

    name = "plainjob"
    title = "plainjob (node)"
    requirements = ("plainjob@0.0.14", "better-sqlite3@11.10.0")
    script = "plainjob_driver.mjs"
    many = "addMany; claims, then completions, each in one transaction() of its connection"
    recovery = "requeueTimedOutJobs, once nobody else works: it counts from a task's creation"
