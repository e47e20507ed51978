"""Conversion of scikit-learn's tables to multimodal data."""

from collections.abc import Mapping, Sequence

from sklearn.utils import Bunch

from redcore.data import MultimodalData, Target

__all__ = ["by_columns"]


def by_columns(table: Bunch, groups: Mapping[str, Sequence[str]], target: Target) -> MultimodalData:
    """Return a table as data with one modality per group of columns, without missing modalities and without a split."""
    position = {name: index for index, name in enumerate(table.feature_names)}
    modalities = {name: table.data[:, [position[column] for column in columns]] for name, columns in groups.items()}
    return MultimodalData.from_arrays(modalities, target)
