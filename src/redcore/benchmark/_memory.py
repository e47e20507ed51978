"""Peak memory of a cell, independent of cells that the same process ran before."""

import ctypes
import gc
import re
import resource
import sys
from pathlib import Path

__all__ = ["PeakMemory"]


class PeakMemory:
    """Peak of the resident memory of this process since the creation of the object.

    On Linux, the kernel's high-water mark is reset at creation. On other systems, the peak is that of the whole life of
    the process, and the growth is unknown.

    Attributes
    ----------
    start_bytes : int or None
        Resident memory at creation, in bytes: libraries and cached data of earlier cells. None if unknown.
    """

    def __init__(self) -> None:
        self.start_bytes = _reset_peak()

    def peak(self) -> int:
        """Return the peak of the resident memory in bytes."""
        if self.start_bytes is not None:
            return _process_status("VmHWM")
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

    def growth(self) -> int | None:
        """Return the difference between peak and start in bytes, or None if it is unknown."""
        return None if self.start_bytes is None else max(0, self.peak() - self.start_bytes)


def _reset_peak() -> int | None:
    gc.collect()
    try:
        # return freed memory to the system first; otherwise its reuse by the cell would not count as growth
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return _process_status("VmRSS")
    except (OSError, AttributeError, RuntimeError):
        return None


def _process_status(field: str) -> int:
    """Return a memory field of ``/proc/self/status`` in bytes."""
    match = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if match is None:
        raise RuntimeError(f"/proc/self/status: field {field} is missing")
    return int(match[1]) * 1024
