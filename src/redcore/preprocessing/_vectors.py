"""Vectors of all modalities for methods without a network: fixed summaries, then preprocessing."""

from collections.abc import Iterable, Mapping

import numpy as np
from torch import nn

from redcore._arrays import unprefixed
from redcore._types import AnyArray
from redcore.data import Modality, MultimodalData
from redcore.nn import LONG_STEPS, WINDOWS, Batch
from redcore.preprocessing._features import Clip, Preprocessor
from redcore.preprocessing._time_summary import summarize, vectors_of
from redcore.preprocessing._transforms import Kind

__all__ = ["VectorPreprocessor"]


class VectorPreprocessor(nn.Module):
    """Summaries of sequences, images and token ids as vectors, and the preprocessing of all vectors.

    Parameters
    ----------
    preprocessor : Preprocessor
    windows : mapping of str to int
        Number of windows of the summary by modality, for the modalities with windows; see `summarize`.
    """

    def __init__(self, preprocessor: Preprocessor, windows: Mapping[str, int]) -> None:
        super().__init__()
        self.preprocessor, self.windows = preprocessor, dict(windows)
        self._windows = [self.windows.get(name, 0) for name in preprocessor.names]

    @classmethod
    def fit(
        cls, data: MultimodalData, kinds: Mapping[str, Kind] | None = None, **clip: Clip
    ) -> tuple["VectorPreprocessor", MultimodalData]:
        """Fit the preprocessing of the summaries; return it, and the summaries of `data` in memory.

        Sequences with a median length of at least `LONG_STEPS` are summarised by `WINDOWS` windows.
        """
        windows = {name: WINDOWS for name, modality in data.modalities.items() if _is_long(modality)}
        vectors = vectors_of(data, windows)
        return cls(Preprocessor.fit(vectors, kinds, **clip), windows), vectors

    @property
    def names(self) -> list[str]:
        """Names of the modalities."""
        return self.preprocessor.names

    def forward(self, batch: Batch) -> Batch:
        """Return the preprocessed vectors of a batch."""
        vectors: Batch = self.preprocessor(summarize(batch, self._windows))
        return vectors

    def transform(self, data: MultimodalData) -> MultimodalData:
        """Return the preprocessed vectors of a data set, or of its summaries, in memory."""
        return self.preprocessor.transform(vectors_of(data, self.windows))

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the fitted numbers by name."""
        windows = {f"windows/{name}": np.array([count]) for name, count in self.windows.items()}
        return {**self.preprocessor.to_arrays(), **windows}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, AnyArray], names: Iterable[str], kinds: Mapping[str, Kind] | None = None, **clip: Clip
    ) -> "VectorPreprocessor":
        """Restore the preprocessing of the modalities `names` from the result of `to_arrays`."""
        windows = {name: int(count.item()) for name, count in unprefixed("windows/", arrays).items()}
        statistics = {name: array for name, array in arrays.items() if not name.startswith("windows/")}
        return cls(Preprocessor.from_arrays(statistics, names, kinds, **clip), windows)


def _is_long(modality: Modality) -> bool:
    if modality.is_raw or not modality.is_sequence or not modality.n_observed:
        return False
    lengths = modality.lengths
    return lengths is not None and float(np.median(lengths)) >= LONG_STEPS
