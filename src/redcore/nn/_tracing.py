"""Detection of graph tracing."""

import torch

__all__ = ["is_traced"]


def is_traced() -> bool:
    """Return True while a graph is traced for export. Code must then not branch on values or take sizes by `len`."""
    return bool(torch.jit._trace.is_tracing())  # type: ignore[no-untyped-call]
