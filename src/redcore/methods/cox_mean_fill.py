"""Mean imputation of missing features, and a Cox model with an elastic net (survival only)."""

from redcore.methods._base import CoxTableMethod

__all__ = ["METHOD", "CoxMeanFill"]

SOURCE = (
    "Cox (1972), Regression models and life-tables, Journal of the Royal Statistical Society B 34(2); Simon et al. "
    "(2011), Regularization paths for Cox's proportional hazards model via coordinate descent, Journal of Statistical "
    "Software 39(5); fitted by scikit-survival"
)


class CoxMeanFill(CoxTableMethod):
    """Cox model of all features, in which missing features are replaced by their mean over the training samples."""


METHOD = CoxMeanFill
