"""Benchmarks of several methods on the same data, splits and masks.

A benchmark is the product of data sets, missing protocols, methods and seeds. Each combination is a cell, and each cell
has one record. Reading and aggregating records does not import torch.
"""

from redcore._statistics import holm
from redcore.benchmark._aggregate import (
    Entry,
    Over,
    conflicts,
    mean_ranks,
    pattern_mean,
    score_names,
    score_of,
    summarise,
)
from redcore.benchmark._cell_config import Cell
from redcore.benchmark._compare import Difference, compare
from redcore.benchmark._degradation import Curve, Gap, degradation_curves, imbalance_gaps
from redcore.benchmark._equity import (
    best_single_modality,
    learning_balance,
    modality_equity,
    pattern_scores,
    pattern_table,
    single_modality_scores,
    worst_pattern,
)
from redcore.benchmark._ranking import Pair, Ranking, pairwise, rank_methods
from redcore.benchmark._record import Record, pack_records, read_records, unpack_records
from redcore.benchmark._result import Result
from redcore.benchmark._runner import missing_cells, run
from redcore.benchmark._significance import best_methods
from redcore.benchmark._spec import Spec, read_spec, spec_names
from redcore.benchmark._statistics import Friedman, bootstrap_interval, critical_difference, friedman
from redcore.benchmark._traces import Stability, settling, trace_stability

__all__ = [
    "Cell",
    "Curve",
    "Difference",
    "Entry",
    "Friedman",
    "Gap",
    "Over",
    "Pair",
    "Ranking",
    "Record",
    "Result",
    "Spec",
    "Stability",
    "best_methods",
    "best_single_modality",
    "bootstrap_interval",
    "compare",
    "conflicts",
    "critical_difference",
    "degradation_curves",
    "friedman",
    "holm",
    "imbalance_gaps",
    "learning_balance",
    "mean_ranks",
    "missing_cells",
    "modality_equity",
    "pack_records",
    "pairwise",
    "pattern_mean",
    "pattern_scores",
    "pattern_table",
    "rank_methods",
    "read_records",
    "read_spec",
    "run",
    "score_names",
    "score_of",
    "settling",
    "single_modality_scores",
    "spec_names",
    "summarise",
    "trace_stability",
    "unpack_records",
    "worst_pattern",
]
