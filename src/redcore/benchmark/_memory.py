"""How much memory a cell takes, though its process has run others before."""

import ctypes
import gc
import re
import resource
import sys
from pathlib import Path

__all__ = ["PeakMemory"]


class PeakMemory:
    """Watches the resident memory of this process from the moment it is made.

    On Linux the kernel's high-water mark is set back, so that what the process did before does not count. Elsewhere the
    mark is that of the whole life of the process, and how much was added is not known.

    Attributes
    ----------
    start_bytes : int or None
        Resident at the start: libraries, and data kept from cells before.
    """

    def __init__(self) -> None:
        self.start_bytes = _reset()

    def peak(self) -> int:
        """Return the most bytes that were resident since the start."""
        if self.start_bytes is not None:
            return _status("VmHWM")
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

    def growth(self) -> int | None:
        """Return by how many bytes the peak is above the start; None where that cannot be told."""
        return None if self.start_bytes is None else max(0, self.peak() - self.start_bytes)


def _reset() -> int | None:
    gc.collect()
    try:
        # memory that was freed but not given back would hide what the cell takes
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except (OSError, AttributeError, RuntimeError):
        return None


def _status(field: str) -> int:
    """Return a number of bytes that the kernel tells of this process."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/self/status does not tell {field}")
    return int(found[1]) * 1024
