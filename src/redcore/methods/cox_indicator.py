"""Mean imputation, one missing indicator per modality, and a Cox model with an elastic net (survival only)."""

from torch import Tensor

from redcore.methods._base import CoxTableMethod, with_missing_indicators

__all__ = ["METHOD", "CoxIndicator"]

SOURCE = (
    "Missing-indicator method, with the model of Cox (1972), Regression models and life-tables, Journal of the Royal "
    "Statistical Society B 34(2); fitted by scikit-survival"
)


class CoxIndicator(CoxTableMethod):
    """Cox model of all standardised features, with zeros for missing features, and of missing indicators."""

    def design(self, table: Tensor) -> Tensor:
        """Return the features with zeros for NaN, and one column per modality that is 1 where it is missing."""
        return with_missing_indicators(table, self.widths)


METHOD = CoxIndicator
