"""Transforms of the feature rows of one modality, as torch modules in double precision."""

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from redcore._types import AnyArray
from redcore.nn import count_at_most, normal_quantile

__all__ = ["FeatureTransform", "Kind", "QuantileTransform", "symmetric_log"]

Kind: TypeAlias = Literal["auto", "standardize", "log1p", "quantile", "identity"]

EDGE = 1e-4
"""Smallest level of a quantile transform, and 1 minus the largest level: outputs are within +-3.7."""

ROWS_AT_ONCE = 4096
"""Rows per chunk of `FeatureTransform.map_array`; intermediate results then fit in the processor's cache."""


class QuantileTransform(nn.Module):
    """Map the empirical distribution of each feature to the standard normal distribution.

    The level of a value is interpolated linearly between landmarks. A value that equals several landmarks has the mean
    of their levels.

    Parameters
    ----------
    landmarks : array (n_landmarks, n_features)
        Quantiles of each feature at evenly spaced levels from 0 to 1; n_landmarks is at least 2.
    """

    landmarks: Tensor
    marks: Tensor
    slopes: Tensor
    middles: Tensor

    def __init__(self, landmarks: AnyArray) -> None:
        super().__init__()
        self.register_buffer("landmarks", torch.tensor(landmarks, dtype=torch.float64))
        self.step = 1.0 / (len(landmarks) - 1)
        marks = self.landmarks.t().contiguous()
        levels = torch.arange(len(landmarks), dtype=torch.float64) * self.step
        gaps = marks.diff(dim=1)
        slopes = torch.where(gaps > 0, self.step / gaps, 0.0)
        first = torch.searchsorted(marks, marks)
        self.register_buffer("marks", marks, persistent=False)
        # the last landmark ends no interval
        self.register_buffer("slopes", nn.functional.pad(slopes, (0, 1)), persistent=False)
        self.register_buffer("middles", (levels[first] + levels) / 2, persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Map (n, n_features), double, to the same shape."""
        columns = values.t().contiguous()
        last = (count_at_most(self.marks, columns) - 1).clamp(min=0)
        excess = columns - self.marks.gather(1, last)
        interpolated = last.double() * self.step + excess * self.slopes.gather(1, last)
        levels = torch.where(excess == 0, self.middles.gather(1, last), interpolated)
        return normal_quantile(levels.clamp(EDGE, 1 - EDGE)).t()


class FeatureTransform(nn.Module):
    """Preprocessing of one modality; see `Preprocessor` for the kinds.

    Parameters
    ----------
    kind : {"auto", "standardize", "log1p", "quantile", "identity"}
    arrays : mapping of str to array
        Statistics that the kind needs: ``mean`` and ``scale``, (n_features,); ``landmarks``,
        (n_landmarks, n_mapped); ``mapped``, the column numbers of the features that "auto" maps, (n_mapped,).
    clip : float
        Bound on the absolute value of the result; may be infinite.
    """

    mean: Tensor
    scale: Tensor
    mapped: Tensor

    def __init__(self, kind: Kind, arrays: Mapping[str, AnyArray], clip: float) -> None:
        super().__init__()
        self.kind, self.clip = kind, clip
        scaled, mapped = kind in ("auto", "standardize", "log1p"), kind in ("auto", "quantile")
        for name, needed in (("mean", scaled), ("scale", scaled), ("mapped", kind == "auto")):
            self.register_buffer(name, torch.tensor(arrays[name]) if needed else None)
        self.to_normal = QuantileTransform(arrays["landmarks"]) if mapped else None

    def forward(self, values: Tensor) -> Tensor:
        """Map (n, n_features), float32 or double, to the same shape in float32."""
        mapped = self._unbounded(values.double()) if self.kind != "identity" else values
        bounded = mapped if math.isinf(self.clip) else mapped.clamp(-self.clip, self.clip)
        # row-major, because networks round differently with another layout
        return bounded.float().contiguous()

    def _unbounded(self, values: Tensor) -> Tensor:
        if self.to_normal is not None and self.kind == "quantile":
            return self.to_normal(values)  # type: ignore[no-any-return]
        unskewed = symmetric_log(values) if self.kind == "log1p" else values
        scaled = (unskewed - self.mean) / self.scale
        if self.to_normal is None or not self.mapped.shape[0]:
            return scaled
        return scaled.index_copy(1, self.mapped, self.to_normal(values.index_select(1, self.mapped)))

    def map_array(self, values: AnyArray) -> AnyArray:
        """Map an array (n, n_features) to float32 of the same shape, in chunks of rows."""
        result = np.empty(values.shape, dtype=np.float32)
        with torch.no_grad():
            for start in range(0, len(values), ROWS_AT_ONCE):
                chunk = torch.from_numpy(values[start : start + ROWS_AT_ONCE].astype(np.float64))
                result[start : start + ROWS_AT_ONCE] = self(chunk).numpy()
        return result

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the statistics by name."""
        landmarks = None if self.to_normal is None else self.to_normal.landmarks
        tensors = {"mean": self.mean, "scale": self.scale, "mapped": self.mapped, "landmarks": landmarks}
        return {name: tensor.numpy() for name, tensor in tensors.items() if tensor is not None}


def symmetric_log(values: Tensor) -> Tensor:
    """Return ``sign(x) log(1 + |x|)``."""
    return values.sign() * values.abs().log1p()
