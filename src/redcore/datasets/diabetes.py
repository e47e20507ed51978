"""Progression of diabetes after one year, with three kinds of patient records as modalities (real, bundled)."""

from sklearn.datasets import load_diabetes

from redcore.data import MultimodalData, Target
from redcore.datasets import Card
from redcore.datasets._tables import by_columns

__all__ = ["CARD", "load"]

CARD = Card(
    title="Diabetes: demographics, physical examination, blood serum",
    source="Efron, Hastie, Johnstone, Tibshirani (2004), Least Angle Regression; as in scikit-learn",
    licence="None stated",
    target="regression, disease progression after one year",
    public=False,
)

GROUPS = {"demographics": ("age", "sex"), "examination": ("bmi", "bp"), "serum": ("s1", "s2", "s3", "s4", "s5", "s6")}


def load() -> MultimodalData:
    """Return the data: 442 samples without missing modalities, no split.

    Modalities: ``demographics`` (2), ``examination`` (2) and ``serum`` (6).
    """
    table = load_diabetes(scaled=False)
    return by_columns(table, GROUPS, Target.from_numbers(table.target))
