"""Breast masses, with three statistics of ten measurements of cell nuclei as modalities (real, bundled)."""

from sklearn.datasets import load_breast_cancer

from redcore.data import MultimodalData, Target
from redcore.datasets import Card
from redcore.datasets._tables import by_columns

__all__ = ["CARD", "load"]

CARD = Card(
    title="Breast masses: mean, standard error and largest values of ten measurements of cell nuclei",
    source="Wolberg, Mangasarian, Street, Street (1995), Breast Cancer Wisconsin (Diagnostic), UCI; as in scikit-learn",
    licence="CC BY 4.0",
    target="binary, malignant or benign",
    public=False,
)


def load() -> MultimodalData:
    """Return the data: 569 samples without missing modalities, no split.

    Modalities: ``error``, ``mean`` and ``worst``, with 10 features each.
    """
    table = load_breast_cancer()
    groups = {kind: [name for name in table.feature_names if kind in name] for kind in ("error", "mean", "worst")}
    return by_columns(table, groups, Target.from_labels(table.target_names[table.target]))
