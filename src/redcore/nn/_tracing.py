"""Whether a network runs to be recorded."""

import torch

__all__ = ["is_traced"]


def is_traced() -> bool:
    """Return True while a graph is recorded for export: it must not branch on values then, nor fix sizes by `len`."""
    return bool(torch.jit._trace.is_tracing())  # type: ignore[no-untyped-call]
