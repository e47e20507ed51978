"""Tables of scikit-learn as data of several modalities."""

from collections.abc import Mapping, Sequence

from sklearn.utils import Bunch

from redcore.data import MultimodalData, Target

__all__ = ["by_columns"]


def by_columns(table: Bunch, groups: Mapping[str, Sequence[str]], target: Target) -> MultimodalData:
    """Return the columns of each modality, nothing missing, without a split."""
    place = {name: index for index, name in enumerate(table.feature_names)}
    modalities = {name: table.data[:, [place[column] for column in columns]] for name, columns in groups.items()}
    return MultimodalData.from_arrays(modalities, target)
