"""Columns with equal values."""

from hashlib import blake2b

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data._dataset import MultimodalData

__all__ = ["duplicated_columns"]

MAX_SAMPLES, MAX_CELLS = 20_000, 2 * 10**7
"""Largest number of samples and of cells that are compared; the samples are spread evenly over the data."""


def duplicated_columns(data: MultimodalData) -> list[list[str]]:
    """Return groups of columns, as ``modality: feature``, that are observed in the same samples and have equal values.

    Constant columns, columns without values and sequences are left out.
    """
    widest = max(0 if modality.is_raw else modality.n_features for modality in data.modalities.values())
    n_samples = max(1, min(MAX_SAMPLES, MAX_CELLS // max(1, widest)))
    rows = np.arange(0, data.n_samples, max(1, -(-data.n_samples // n_samples)))
    groups: dict[bytes, list[str]] = {}
    for name, modality in data.modalities.items():
        if modality.is_raw or modality.is_sequence or not modality.n_observed:
            continue
        names = data.feature_names.get(name) or tuple(map(str, range(modality.n_features)))
        categories = data.categories.get(name, {})
        taken = modality.take(rows).loaded()
        for feature, values in zip(names, taken.values.T, strict=True):
            if digest := _digest(np.flatnonzero(taken.availability), values, categories.get(feature, ())):
                groups.setdefault(digest, []).append(f"{name}: {feature}")
    return [group for group in groups.values() if len(group) > 1]


def _digest(rows: IntArray, values: AnyArray, categories: tuple[str, ...]) -> bytes:
    """Return a hash of the values of one column; empty for constant columns and columns without values."""
    known = ~np.isnan(values)
    numbers = values[known].astype(np.float64) + 0.0  # -0.0 equals 0.0
    if not numbers.size or np.ptp(numbers) == 0:
        return b""
    digest = blake2b(rows[known].tobytes(), digest_size=16)
    digest.update(numbers.tobytes())
    digest.update("\0".join(categories).encode())
    return digest.digest()
