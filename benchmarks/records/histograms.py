"""Latencies as histograms that can be added up, as HdrHistogram encodes them.

Two significant digits: about 0.7 kB of base64 for any number of calls, values within 1 %.
`hdrhistogram` is imported where it is used, since asv imports this module without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

_DIGITS = 2
_LONGEST_CALL_NS = 3_600_000_000_000


class BadHistogram(ValueError):
    """A string that is no encoded histogram."""


def encode_histogram(latencies_s: Iterable[float]) -> str:
    """Base64 (V2, compressed) of latencies, which are counted in nanoseconds."""
    histogram = _new()
    for latency_s in latencies_s:
        histogram.record_value(min(max(1, round(latency_s * 1e9)), _LONGEST_CALL_NS))
    return str(histogram.encode().decode("ascii"))


def merge_histograms(encoded: Sequence[str]) -> Any:
    """One `HdrHistogram` of several encoded ones; BadHistogram if one of them is not."""
    decode = import_module("hdrh.histogram").HdrHistogram.decode
    merged = _new()
    for text in encoded:
        try:
            merged.add(decode(text))
        except Exception as error:  # its decoder raises whatever zlib, base64 and ctypes do
            raise BadHistogram(f"no histogram: {type(error).__name__}: {error}") from error
    return merged


def _new() -> Any:
    return import_module("hdrh.histogram").HdrHistogram(1, _LONGEST_CALL_NS, _DIGITS)
