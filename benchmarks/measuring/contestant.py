"""One side of a comparison: a process that a revision's own interpreter runs, and that obeys.

It imports today's `benchmarks` and the revision's package. One JSON object a line comes in, one
goes out, and nothing runs here but what was just asked for: that is the token of the block method.

    {"do": "prepare", "workload": name, "folder": path, "profile": name, "stock": path}
                                        -> {"batch": calls}; `stock` is filled once, then copied
    {"do": "run", "calls": n}  -> {"latencies": base64 of doubles, "elapsed_s", "operations",
                                   "values"}
    {"do": "check"} -> {}      {"do": "quit"} -> {}

An answer may be {"lacks": why}: the revision has not what the workload needs; {"wrong": why}: its
work did not stand the workload's check; or {"error": why}.
"""

from __future__ import annotations

import base64
import gc
import shutil
import sys
import traceback
from array import array
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.measuring.orders import obey_orders
from benchmarks.workloads import Lacks, Profile, Workload, all_workloads, base


class Contestant:
    """The state between two commands."""

    def __init__(self) -> None:
        self._workload: Workload | None = None
        self._state: Any = None

    def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command; its answer."""
        verb = getattr(self, f"_{command.pop('do')}")
        try:
            answer: dict[str, Any] = verb(**command)
        except Lacks as lacks:
            return {"lacks": str(lacks)}
        except AssertionError as error:
            return {"wrong": str(error) or traceback.format_exc(limit=-2)}
        except Exception:  # noqa: BLE001 - whatever it is, the side of the pipe is told
            return {"error": traceback.format_exc(limit=-4)}
        return answer

    def _prepare(
        self, workload: str, folder: str, profile: str, stock: str = "", contender: str = ""
    ) -> dict[str, Any]:
        self._workload = all_workloads()[workload]
        if contender:
            if not self._workload.has_reference:
                raise Lacks(f"{contender} has nothing for {workload}")
            base.opens = import_module(f"benchmarks.contenders.{contender}").OPENS
        if stock:
            if not Path(stock).exists():
                Path(stock).mkdir()
                self._workload.stock(Path(stock), Profile(profile))
            shutil.copytree(stock, folder, dirs_exist_ok=True)
        self._state = self._workload.prepare(Path(folder), Profile(profile))
        gc.collect()
        gc.freeze()
        return {"batch": self._workload.batch}

    def _run(self, calls: int) -> dict[str, Any]:
        assert self._workload is not None, "prepare comes first"
        # Each batch begins with the same garbage, none; what it makes itself counts.
        gc.collect()
        sample = self._workload.run(self._state, calls)
        raw = base64.b64encode(array("d", sample.latencies_s).tobytes()).decode()
        return {
            "latencies": raw,
            "elapsed_s": sample.elapsed_s,
            "operations": sample.operations,
            "values": dict(sample.values),
        }

    def _check(self) -> dict[str, Any]:
        assert self._workload is not None, "prepare comes first"
        self._workload.check(self._state)
        return {}

    def _quit(self) -> dict[str, Any]:
        if self._workload is not None and self._state is not None:
            self._workload.close(self._state)
        return {}


if __name__ == "__main__":
    sys.exit(obey_orders(lambda: Contestant().obey))
