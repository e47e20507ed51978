"""Multimodal data sets in memory: observed values of each modality, with target, groups and split."""

from redcore.data._alignment import AlignedInputs, Samples, labels_of, normalised_label
from redcore.data._chunks import chunks, sample_in_memory
from redcore.data._columns import matching_any
from redcore.data._concatenate import concatenate
from redcore.data._dataset import SPLITS, MultimodalData, Part
from redcore.data._decide_target import Task, decide_target
from redcore.data._frames import Frame, available_memory, is_column, is_frame
from redcore.data._join import IdForms, Joined, JoinReport, PatternCount, SourceCount
from redcore.data._join_sources import table_columns
from redcore.data._labels import warn_of_similar
from redcore.data._mixed import Categories, MixedColumns, mixed_columns
from redcore.data._modality import Modality, Observed
from redcore.data._precision import collapsed
from redcore.data._random_split import random_split
from redcore.data._schema import ModalitySchema, Schema
from redcore.data._sentinels import Sentinel, sentinel_message, sentinels
from redcore.data._several_targets import several_targets
from redcore.data._splits import assign_folds, classes_in_one_group, count_units, cross_folds, fold_rows, hold_out
from redcore.data._statistics import average_ranks, moments, skewness
from redcore.data._survival import TINY, TimeGrid, kaplan_meier, martingale_residuals, risk_scores, survival_fields
from redcore.data._target import HasTargetKind, Target, TargetKind, TargetPart, require_single_target

__all__ = [
    "SPLITS",
    "TINY",
    "AlignedInputs",
    "Categories",
    "Frame",
    "HasTargetKind",
    "IdForms",
    "JoinReport",
    "Joined",
    "MixedColumns",
    "Modality",
    "ModalitySchema",
    "MultimodalData",
    "Observed",
    "Part",
    "PatternCount",
    "Samples",
    "Schema",
    "Sentinel",
    "SourceCount",
    "Target",
    "TargetKind",
    "TargetPart",
    "Task",
    "TimeGrid",
    "assign_folds",
    "available_memory",
    "average_ranks",
    "chunks",
    "classes_in_one_group",
    "collapsed",
    "concatenate",
    "count_units",
    "cross_folds",
    "decide_target",
    "fold_rows",
    "hold_out",
    "is_column",
    "is_frame",
    "kaplan_meier",
    "labels_of",
    "martingale_residuals",
    "matching_any",
    "mixed_columns",
    "moments",
    "normalised_label",
    "random_split",
    "require_single_target",
    "risk_scores",
    "sample_in_memory",
    "sentinel_message",
    "sentinels",
    "several_targets",
    "skewness",
    "survival_fields",
    "table_columns",
    "warn_of_similar",
]
