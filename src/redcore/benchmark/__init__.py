"""Benchmarks of several methods on the same data, splits and masks.

A benchmark is the product of data sets, missing protocols, methods and seeds. Each combination is a cell, and each cell
has one record. Reading and aggregating records does not import torch.
"""

from redcore._statistics import holm
from redcore.benchmark._aggregate import (
    Entry,
    Over,
    by_tuning,
    conflicts,
    few_runs,
    mean_ranks,
    named_score,
    pattern_mean,
    pattern_problems,
    run_score,
    score_names,
    score_of,
    summarise,
    test_ratio,
    tuning_warnings,
)
from redcore.benchmark._cell_config import Cell
from redcore.benchmark._compare import Difference, compare, leads, overall_intervals
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
from redcore.benchmark._intervals import MIN_RUNS, Basis, Interval, RunScore, mean_interval
from redcore.benchmark._ranking import Pair, Ranking, pairwise, rank_methods
from redcore.benchmark._record import Record, pack_records, read_records, unpack_records
from redcore.benchmark._result import Result
from redcore.benchmark._runner import missing_cells, run
from redcore.benchmark._sample_spec import is_sample, sample_benchmark
from redcore.benchmark._samples import Influence, SampleFile
from redcore.benchmark._significance import best_methods
from redcore.benchmark._spec import Spec, read_spec, spec_names
from redcore.benchmark._statistics import BayesianTest, Friedman, bayesian_signed_rank, critical_difference, friedman
from redcore.benchmark._traces import Stability, settling, trace_stability

__all__ = [
    "MIN_RUNS",
    "Basis",
    "BayesianTest",
    "Cell",
    "Curve",
    "Difference",
    "Entry",
    "Friedman",
    "Gap",
    "Influence",
    "Interval",
    "Over",
    "Pair",
    "Ranking",
    "Record",
    "Result",
    "RunScore",
    "SampleFile",
    "Spec",
    "Stability",
    "bayesian_signed_rank",
    "best_methods",
    "best_single_modality",
    "by_tuning",
    "compare",
    "conflicts",
    "critical_difference",
    "degradation_curves",
    "few_runs",
    "friedman",
    "holm",
    "imbalance_gaps",
    "is_sample",
    "leads",
    "learning_balance",
    "mean_interval",
    "mean_ranks",
    "missing_cells",
    "modality_equity",
    "named_score",
    "overall_intervals",
    "pack_records",
    "pairwise",
    "pattern_mean",
    "pattern_problems",
    "pattern_scores",
    "pattern_table",
    "rank_methods",
    "read_records",
    "read_spec",
    "run",
    "run_score",
    "sample_benchmark",
    "score_names",
    "score_of",
    "settling",
    "single_modality_scores",
    "spec_names",
    "summarise",
    "test_ratio",
    "trace_stability",
    "tuning_warnings",
    "unpack_records",
    "worst_pattern",
]
