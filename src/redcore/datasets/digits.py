"""Handwritten digits in four modalities, computed from scikit-learn's 8 x 8 images (real, bundled)."""

import gzip
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target, random_split
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
    table = _table()
    labels = table[:, -1].astype(np.int64)
    images = table[:, :-1].reshape(-1, 8, 8) / 16.0
    modalities = {
        "pixels": images.reshape(len(images), -1),
        "fourier": np.abs(np.fft.rfft2(images)).reshape(len(images), -1),
        "profiles": _profiles(images),
        "gradients": _gradients(images),
    }
    return MultimodalData.from_arrays(modalities, Target.from_labels(labels), split=_split(labels))


def _table() -> AnyArray:
    """Return 64 pixels in [0, 16] and the digit of each image, (1797, 65)."""
    # the file of scikit-learn is read directly, because the import of its reader takes a second
    spec = find_spec("sklearn")
    assert spec is not None
    assert spec.submodule_search_locations
    with gzip.open(Path(spec.submodule_search_locations[0], "datasets", "data", "digits.csv.gz"), "rt") as file:
        return np.loadtxt(file, delimiter=",")


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
    n_test = math.ceil(0.25 * len(labels))
    n_validation = math.ceil(0.2 * (len(labels) - n_test))
    rest, test = random_split(len(labels) - n_test, n_test, SPLIT_SEED, labels)
    train, validation = random_split(len(rest) - n_validation, n_validation, SPLIT_SEED, labels[rest])
    split = np.empty(len(labels), dtype=np.int64)
    split[rest[train]], split[rest[validation]], split[test] = 0, 1, 2
    return split
