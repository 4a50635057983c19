"""What identifies the boot of a host."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import pytest

from tubeq.domain import boot


@pytest.fixture
def boot_of_macos(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, bytes]:
    """The values that its sysctlbyname(3) has; a name without one is an error."""
    values: dict[bytes, bytes] = {}

    class Library:
        @staticmethod
        def sysctlbyname(name: bytes, text: Any, size: Any, new: None, new_size: int) -> int:
            if name not in values:
                return -1
            text.value = values[name]
            return 0

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library)
    return values


def test_macos_tells_its_boot(boot_of_macos: dict[bytes, bytes]) -> None:
    boot_of_macos[b"kern.bootsessionuuid"] = b"6C9B2E1A-0000-4000-8000-000000000001"
    found = boot.this_boot.__wrapped__()
    assert found is not None
    assert found.boot_id == "6C9B2E1A-0000-4000-8000-000000000001"


def test_a_macos_that_does_not_tell_has_none(boot_of_macos: dict[bytes, bytes]) -> None:
    assert boot.this_boot.__wrapped__() is None
