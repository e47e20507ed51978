"""Handwritten digits in four modalities, computed from scikit-learn's 8 x 8 images (real, bundled)."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target
from redcore.datasets import Card

__all__ = ["CARD", "load"]

CARD = Card(
    title="Handwritten digits: pixels, Fourier magnitudes, projection profiles, gradient histograms",
    source="Alpaydin, Kaynak (1998), Optical Recognition of Handwritten Digits, UCI; 1,797 images as in scikit-learn",
    licence="CC BY 4.0",
    target="multiclass, 10 digits",
    public=False,
)

SPLIT_SEED = 0
N_ORIENTATIONS = 8


def load() -> MultimodalData:
    """Return the data: 1,797 samples without missing modalities, with a stratified split of 60% / 15% / 25%.

    Modalities: ``pixels`` (64), ``fourier`` (40, magnitudes of the 2-D Fourier transform), ``profiles`` (32, row and
    column sums and 4 x 4 zones) and ``gradients`` (32, orientation histograms of the four quadrants).
    """
    digits = load_digits()
    images = digits.images / 16.0
    modalities = {
        "pixels": images.reshape(len(images), -1),
        "fourier": np.abs(np.fft.rfft2(images)).reshape(len(images), -1),
        "profiles": _profiles(images),
        "gradients": _gradients(images),
    }
    return MultimodalData.from_arrays(modalities, Target.from_labels(digits.target), split=_split(digits.target))


def _profiles(images: AnyArray) -> AnyArray:
    zones = images.reshape(-1, 4, 2, 4, 2).sum(axis=(2, 4)).reshape(len(images), -1)
    return np.concatenate([images.sum(axis=1), images.sum(axis=2), zones], axis=1)


def _gradients(images: AnyArray) -> AnyArray:
    """Return histograms of gradient directions, weighted by magnitude, of the four quadrants of each image."""
    down, right = np.gradient(images, axis=(1, 2))
    magnitude = np.hypot(down, right)
    orientation = ((np.arctan2(down, right) + np.pi) / (2 * np.pi) * N_ORIENTATIONS).astype(int) % N_ORIENTATIONS
    weights = magnitude[..., None] * np.eye(N_ORIENTATIONS)[orientation]
    quadrants: AnyArray = (
        weights.reshape(len(images), 2, 4, 2, 4, N_ORIENTATIONS).sum(axis=(2, 4)).reshape(len(images), -1)
    )
    return quadrants


def _split(labels: AnyArray) -> IntArray:
    rows = np.arange(len(labels))
    rest, test = train_test_split(rows, test_size=0.25, stratify=labels, random_state=SPLIT_SEED)
    train, validation = train_test_split(rest, test_size=0.2, stratify=labels[rest], random_state=SPLIT_SEED)
    split = np.empty(len(labels), dtype=np.int64)
    split[train], split[validation], split[test] = 0, 1, 2
    return split
