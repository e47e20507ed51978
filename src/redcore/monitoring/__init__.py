"""Comparison of new data with the training data of a model: missing rates, patterns, features and predictions."""

from redcore.monitoring._comparison import ALPHA, Comparison, DriftTest, compare
from redcore.monitoring._counts import Counts
from redcore.monitoring._labels import LabelledPeriod, labelled_periods
from redcore.monitoring._monitor import Monitor, make_reference
from redcore.monitoring._profiles import Profile
from redcore.monitoring._reference import Reference

__all__ = [
    "ALPHA",
    "Comparison",
    "Counts",
    "DriftTest",
    "LabelledPeriod",
    "Monitor",
    "Profile",
    "Reference",
    "compare",
    "labelled_periods",
    "make_reference",
]
