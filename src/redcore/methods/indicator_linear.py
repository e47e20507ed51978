"""Missing-indicator method: mean imputation, one indicator per modality, and logistic (or ridge) regression."""

from torch import Tensor

from redcore.methods._base import LinearTableMethod, with_missing_indicators

__all__ = ["METHOD", "IndicatorLinear"]

SOURCE = "Textbook method (missing-indicator method); no specific paper"


class IndicatorLinear(LinearTableMethod):
    """Linear model of all standardised features, with zeros for missing features, and of missing indicators."""

    def design(self, table: Tensor) -> Tensor:
        """Return the features with zeros for NaN, and one column per modality that is 1 where it is missing."""
        return with_missing_indicators(table, self.widths)


METHOD = IndicatorLinear
