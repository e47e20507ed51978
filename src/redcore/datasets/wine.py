"""Wines of three cultivars, with four groups of chemical measurements as modalities (real, bundled)."""

from sklearn.datasets import load_wine

from redcore.data import MultimodalData, Target
from redcore.datasets import Card
from redcore.datasets._tables import by_columns

__all__ = ["CARD", "load"]

CARD = Card(
    title="Wines: alcohol and acids, minerals, phenols, colour",
    source="Aeberhard, Forina (1992), Wine, UCI; as in scikit-learn",
    licence="CC BY 4.0",
    target="multiclass, 3 cultivars",
    public=False,
)

GROUPS = {
    "acids": ("alcohol", "malic_acid", "proline"),
    "colour": ("color_intensity", "hue", "od280/od315_of_diluted_wines"),
    "minerals": ("ash", "alcalinity_of_ash", "magnesium"),
    "phenols": ("total_phenols", "flavanoids", "nonflavanoid_phenols", "proanthocyanins"),
}


def load() -> MultimodalData:
    """Return the data: 178 samples without missing modalities, no split.

    Modalities: ``acids``, ``colour`` and ``minerals`` (3 features each) and ``phenols`` (4 features).
    """
    table = load_wine()
    return by_columns(table, GROUPS, Target.from_labels(table.target_names[table.target]))
