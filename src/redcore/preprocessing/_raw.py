"""Preprocessing of images and token ids, and their fixed summaries for methods without a network."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from redcore._types import AnyArray
from redcore.data import Modality
from redcore.exceptions import SettingsError
from redcore.nn import step_mask
from redcore.preprocessing._transforms import FeatureTransform, Kind

__all__ = ["SUMMARY_WIDTH", "ImageTransform", "TokenTransform", "raw_summary", "raw_transform"]

SUMMARY_WIDTH = 256
"""Largest number of pixels of a pooled image, and number of bins of a bag of tokens."""


class ImageTransform(nn.Module):
    """Standardisation of every channel of an image, (x - mean) / scale, with a bound on the result.

    Parameters
    ----------
    arrays : mapping of str to array
        ``channel_mean`` and ``channel_scale``, (channels,).
    clip : float
        Bound on the absolute value of the result; may be infinite.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, arrays: Mapping[str, AnyArray], clip: float) -> None:
        super().__init__()
        self.kind, self.clip = "standardize", clip
        self.register_buffer("mean", torch.tensor(arrays["channel_mean"], dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(arrays["channel_scale"], dtype=torch.float64))

    @classmethod
    def fit(cls, modality: Modality, clip: float) -> "ImageTransform":
        """Compute mean and standard deviation of every channel over all observed images."""
        assert modality.shape is not None
        channels, count = modality.shape[0], 0
        sums, squares = np.zeros(channels), np.zeros(channels)
        for chunk in modality.chunks():
            for image in chunk:
                pixels = image.reshape(channels, -1).astype(np.float64)
                sums, squares = sums + pixels.sum(axis=1), squares + (pixels**2).sum(axis=1)
            count += len(chunk) * math.prod(modality.shape[1:])
        mean = sums / max(1, count)
        scale = np.sqrt(np.maximum(squares / max(1, count) - mean**2, 0.0))
        return cls({"channel_mean": mean, "channel_scale": np.where(scale > 0, scale, 1.0)}, clip)

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, channels, height, width) to float32 of the same shape."""
        mean, scale = self.mean.float()[:, None, None], self.scale.float()[:, None, None]
        scaled = (images.float() - mean) / scale
        return scaled if math.isinf(self.clip) else scaled.clamp(-self.clip, self.clip)

    def map_array(self, images: AnyArray) -> AnyArray:
        """Map an array (n, channels, height, width) to float32 of the same shape."""
        with torch.no_grad():
            mapped: AnyArray = self(torch.from_numpy(images)).numpy()
        return mapped

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the statistics by name."""
        return {"channel_mean": self.mean.numpy(), "channel_scale": self.scale.numpy()}


class TokenTransform(nn.Module):
    """Identity on token ids."""

    kind = "identity"

    def forward(self, ids: Tensor) -> Tensor:
        """Return the ids."""
        return ids

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return an empty array, which marks the modality as token ids."""
        return {"tokens": np.zeros(0)}


def raw_transform(name: str, kind: Kind, modality: Modality, clip: float) -> nn.Module:
    """Fit the preprocessing of images or token ids; see `redcore.preprocessing.Preprocessor` for the kinds.

    Raises
    ------
    SettingsError
        If the kind maps single features, which images do not have.
    """
    if modality.shape is None:
        return TokenTransform()
    if kind == "identity":
        return FeatureTransform(kind, {}, clip)
    if kind not in ("auto", "standardize"):
        raise SettingsError(
            f"preprocessing of modality {name!r} is {kind!r}: expected 'auto', 'standardize' or 'identity' for images"
        )
    return ImageTransform.fit(modality, clip)


def raw_summary(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Return fixed features of images or token ids, float32 (n, n_outputs).

    Images (n, channels, height, width) are averaged over the cells of a grid, with at most `SUMMARY_WIDTH` outputs, or
    one per channel if there are more channels. Smaller images are flattened. Token ids (n, time) become square roots of
    shares: that of the ids in each of `SUMMARY_WIDTH` bins. The bin of an id is the remainder of its division by the
    number of bins.
    """
    if lengths is None:
        channels, height, width = values.shape[1:]
        cells = max(1, math.isqrt(SUMMARY_WIDTH // channels))
        if height * width * channels <= SUMMARY_WIDTH:
            return values.float().flatten(1)
        pooled = _averaging(height, cells) @ values.float() @ _averaging(width, cells).t()
        return pooled.flatten(1)
    real = step_mask(lengths, values.shape[1]).float()
    counts = torch.zeros((1, SUMMARY_WIDTH)).expand(values.shape[0], -1).scatter_add(1, values % SUMMARY_WIDTH, real)
    return (counts / lengths[:, None].float()).sqrt()


def _averaging(size: int, cells: int) -> Tensor:
    """Return the matrix (n_cells, size) that averages `size` numbers over at most `cells` intervals of equal length."""
    cells = min(cells, size)
    edges = torch.linspace(0, size, cells + 1, dtype=torch.float64)
    position = torch.arange(size, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], position + 1) - torch.maximum(edges[:-1, None], position)
    weights = overlap.clamp(min=0.0)
    return (weights / weights.sum(dim=1, keepdim=True)).float()
