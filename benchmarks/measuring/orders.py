"""A process that obeys orders: one JSON object a line on standard input, an answer a line back.

Needs the standard library only: it runs in the environments that are measured.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

Obey = Callable[[dict[str, Any]], dict[str, Any]]


def obey_orders(ready: Callable[[], Obey]) -> int:
    """Answer each order, until one says {"do": "quit"} or standard input ends; the exit code.

    Args:
        ready: makes what obeys; called when nothing it prints can get between the answers.
    """
    # Ctrl-C reaches the whole group of processes; the one that gives orders decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Prints of what is measured, and of libraries, must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    obey = ready()
    for line in sys.stdin:
        order = json.loads(line)
        is_last = order["do"] == "quit"
        answers.write(json.dumps(obey(order)) + "\n")
        answers.flush()
        if is_last:
            break
    return 0
