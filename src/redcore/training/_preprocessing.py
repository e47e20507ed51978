"""Feature scaling, fitted on the observed training rows only."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from redcore._types import AnyArray
from redcore.data import Modality, MultimodalData

__all__ = ["Scaler"]

DEFAULT_CLIP = 20.0


@dataclass(frozen=True, eq=False)
class Scaler:
    """``(x - mean) / scale``, clipped.

    Attributes
    ----------
    mean, scale : dict of str to array (n_features,)
        Per modality, float64. For sequences over all time steps.
    clip : float
        Bound on the absolute value afterwards.
    """

    mean: dict[str, AnyArray]
    scale: dict[str, AnyArray]
    clip: float

    @classmethod
    def fit(cls, data: MultimodalData, *, standardize: bool = True, clip: float = DEFAULT_CLIP) -> "Scaler":
        """Take the statistics of `data`; without `standardize` features are clipped only."""
        mean, scale = {}, {}
        for name, modality in data.modalities.items():
            mean[name] = np.zeros(modality.n_features)
            scale[name] = np.ones(modality.n_features)
            if standardize and len(modality.values):
                mean[name] = modality.values.mean(axis=0, dtype=np.float64)
                deviation = modality.values.std(axis=0, dtype=np.float64)
                # a spread below the resolution of float32 is rounding, not signal
                constant = deviation <= 1e-7 * np.abs(mean[name])
                scale[name] = np.where(constant, 1.0, deviation)
        return cls(mean, scale, clip)

    def apply(self, data: MultimodalData) -> MultimodalData:
        """Return `data` scaled; it may lack modalities that the scaler knows."""
        modalities = {name: self._scaled(name, modality) for name, modality in data.modalities.items()}
        return replace(data, modalities=modalities)

    def _scaled(self, name: str, modality: Modality) -> Modality:
        if not len(modality.values):
            return modality
        values = (modality.values - self.mean[name]) / self.scale[name]
        return replace(modality, values=values.clip(-self.clip, self.clip).astype(np.float32))

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the statistics, named ``mean/<modality>`` and ``scale/<modality>``."""
        return {f"{kind}/{name}": array for kind in ("mean", "scale") for name, array in getattr(self, kind).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], clip: float = DEFAULT_CLIP) -> "Scaler":
        """Restore what `to_arrays` returned."""
        mean = {key[5:]: array for key, array in arrays.items() if key.startswith("mean/")}
        scale = {key[6:]: array for key, array in arrays.items() if key.startswith("scale/")}
        return cls(mean, scale, clip)
