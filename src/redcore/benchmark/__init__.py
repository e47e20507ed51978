"""Benchmarks: data sets x missing protocols x methods x seeds, the same masks for all, one record per cell."""

from redcore.benchmark._aggregate import Entry, mean_ranks, pattern_mean, summarise
from redcore.benchmark._compare import Difference, compare
from redcore.benchmark._record import Record, pack_records, read_records
from redcore.benchmark._runner import missing_cells, run
from redcore.benchmark._spec import Cell, Spec, read_spec, spec_names

__all__ = [
    "Cell",
    "Difference",
    "Entry",
    "Record",
    "Spec",
    "compare",
    "mean_ranks",
    "missing_cells",
    "pack_records",
    "pattern_mean",
    "read_records",
    "read_spec",
    "run",
    "spec_names",
    "summarise",
]
