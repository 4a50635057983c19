"""Identifies the current boot of this host, within which its monotonic clock is comparable."""

from __future__ import annotations

import sys
import zlib
from contextlib import suppress
from functools import cache
from typing import NamedTuple

BOOT_BITS = 32
BOOT_MASK = (1 << BOOT_BITS) - 1
_INITIAL_TIME_NAMESPACE = "time:[4026531834]"


class Boot(NamedTuple):
    """A boot of a host. Containers share their host's boot, even under another host name."""

    host: str
    boot_id: str

    @property
    def mark(self) -> int:
        """How rows identify it: 31 bits of a hash of the host's name above 32 of the boot's id. It
        is derived, not a number that a table gives out, so it is valid in any copy of the
        database."""
        host, boot = (zlib.crc32(name.encode()) for name in self)
        return (host & 0x7FFF_FFFF) << BOOT_BITS | boot


@cache
def this_boot() -> Boot | None:
    """The boot of this machine; None where the system does not say, or where this process has a
    monotonic clock of its own (a Linux time namespace)."""
    with suppress(OSError, AttributeError, ValueError):
        boot_id = _boot_id()
        if boot_id:
            import socket

            return Boot(socket.gethostname(), boot_id)
    return None


def _boot_id() -> str:
    if sys.platform == "win32":
        import winreg

        memory = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
        with winreg.OpenKey(
            winreg.HKEY_LOCAL_MACHINE, memory + r"\PrefetchParameters"
        ) as parameters:
            return str(winreg.QueryValueEx(parameters, "BootId")[0])
    if sys.platform == "darwin":
        import ctypes

        text = ctypes.create_string_buffer(64)
        size = ctypes.c_size_t(ctypes.sizeof(text))
        name = b"kern.bootsessionuuid"
        failed = ctypes.CDLL(None).sysctlbyname(name, text, ctypes.byref(size), None, 0)
        return "" if failed else text.value.decode()
    from pathlib import Path  # which takes long to import

    with suppress(OSError):  # kernels before 5.6 know no such namespaces
        if str(Path("/proc/self/ns/time").readlink()) != _INITIAL_TIME_NAMESPACE:
            return ""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
