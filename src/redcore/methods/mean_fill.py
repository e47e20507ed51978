"""Mean imputation of missing features, and logistic (or ridge) regression."""

from redcore.methods._base import LinearTableMethod

__all__ = ["METHOD", "MeanFill"]

SOURCE = "Textbook method; no specific paper"


class MeanFill(LinearTableMethod):
    """Linear model of all features, in which missing features are replaced by their mean over the training samples."""


METHOD = MeanFill
