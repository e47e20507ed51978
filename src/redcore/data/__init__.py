"""Data in memory: modalities by name, packed without what is missing, with target, groups and split."""

from redcore.data._concatenate import concatenate
from redcore.data._gaussian import GaussianModel, GaussianSettings
from redcore.data._modality import Modality, Observed
from redcore.data._multimodal import MultimodalData, Part
from redcore.data._schema import ModalitySchema, Schema
from redcore.data._splits import cross_folds, hold_out
from redcore.data._statistics import moments, skewness
from redcore.data._target import Target, TargetKind

__all__ = [
    "GaussianModel",
    "GaussianSettings",
    "Modality",
    "ModalitySchema",
    "MultimodalData",
    "Observed",
    "Part",
    "Schema",
    "Target",
    "TargetKind",
    "concatenate",
    "cross_folds",
    "hold_out",
    "moments",
    "skewness",
]
