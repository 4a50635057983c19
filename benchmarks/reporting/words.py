"""Names and numbers as people read them: "61.2 µs", "P95 latency", "12 % slower"."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from benchmarks.records.record import higher_is_better

_NAMES = {
    "latency_p50_ms": ("P50 latency (median)", "P50"),
    "latency_p90_ms": ("P90 latency", "P90"),
    "latency_p95_ms": ("P95 latency", "P95"),
    "latency_p99_ms": ("P99 latency", "P99"),
    "latency_max_ms": ("Longest call", "max"),
    "latency_mean_ms": ("Mean latency", "mean"),
    "service_time_ms": ("Service time (mean)", "Service"),
    "throughput_per_s": ("Throughput", "Throughput"),
}
"""By metric, its name and the shortest one that is still clear."""
_UNITS = {"_per_s": "/s", "_ms": "ms", "_us": "µs", "_ns": "ns", "_s": "s", "_mb": "MB",
          "_kb": "kB", "_bytes": "bytes", "_pages": "pages", "_percent": "%"}  # fmt: skip
_TIMES_S: Mapping[str, float] = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
_ACRONYMS = {"vm", "wal", "sql", "cpu", "io", "db", "rss"}


def label(metric: str) -> str:
    """A metric's or counter's name in words, without its unit."""
    if metric in _NAMES:
        return _NAMES[metric][0]
    if not metric.endswith(("_bytes", "_pages")):
        suffix = next((each for each in _UNITS if metric.endswith(each)), "")
        metric = metric.removesuffix(suffix)
    text = " ".join(word.upper() if word in _ACRONYMS else word for word in metric.split("_"))
    return text[:1].upper() + text[1:]


def short(metric: str) -> str:
    """The shortest name that is still clear: "P95"."""
    return _NAMES[metric][1] if metric in _NAMES else label(metric)


def scale(metric: str, typical: float) -> tuple[float, str]:
    """By what to multiply, and the unit then, so that a typical value reads well. The unit is what
    the metric's name ends in; "" for a plain number."""
    unit = next((unit for suffix, unit in _UNITS.items() if metric.endswith(suffix)), "")
    if unit in _TIMES_S and typical > 0 and math.isfinite(typical):
        seconds = typical * _TIMES_S[unit]
        best = "s" if seconds >= 1 else "ms" if seconds >= 1e-3 else "µs"
        return _TIMES_S[unit] / _TIMES_S[best], best
    return 1.0, unit


def number(value: float) -> str:
    """Three significant digits, without an exponent, thousands set apart."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "\u2013"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude >= 9 or magnitude < -6:
        return f"{value:.2e}"
    rounded = round(value, 2 - magnitude)
    text = f"{rounded:,.{max(0, 2 - magnitude)}f}".replace(",", "\u202f")
    return text.replace("-", "\u2212")


def count(value: float) -> str:
    """A counter: whole where it is, else with all the digits that matter."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "\u2013"
    digits = 0 if value == int(value) or abs(value) >= 1000 else 2 if abs(value) >= 10 else 3
    text = f"{value:,.{digits}f}".replace(",", "\u202f").replace("-", "\u2212")
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(metric: str, value: float) -> str:
    """A value with its unit: "61.2 µs"."""
    factor, unit = scale(metric, abs(value))
    digits = count(value) if unit in {"", "bytes", "pages"} else number(value * factor)
    return f"{digits}\u00a0{unit}".rstrip()


def tick(value: float) -> str:
    """A number at an axis: no more digits than it needs."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def bound(metric: str, limit: float) -> str:
    """A limit with its direction: "≤ 1 ms"."""
    factor, unit = scale(metric, abs(limit))
    sign = "≥" if higher_is_better(metric) else "≤"
    return f"{sign} {tick(limit * factor)} {unit}".rstrip()


def interval(metric: str, low: float | None, high: float | None, typical: float) -> str:
    """An interval in the unit that its value is shown in: "60.1 to 62.0 µs"; "" without one."""
    if low is None or high is None:
        return ""
    factor, unit = scale(metric, abs(typical))
    return f"{number(low * factor)} to {number(high * factor)} {unit}".rstrip()


def share(change: float) -> str:
    """A change in percent with its sign: "+12 %", and so a true minus."""
    if not math.isfinite(change):
        return "from none"
    percent = change * 100
    digits = 0 if abs(percent) >= 10 else 1
    return f"{percent:+.{digits}f}\u202f%".replace("-", "\u2212")


def size(change: float) -> str:
    """A size in percent, without a sign."""
    return share(change).lstrip("+")


def slug(text: str) -> str:
    """A string as a file name or an identifier."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"
