"""Images and token ids of one modality, which are packed without a conversion to floating-point numbers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore._validation import check_lengths, check_observed_values, is_missing, numeric_array
from redcore.exceptions import DataError, NonFiniteError, ShapeError

__all__ = ["Packed", "holds_images", "pack_images", "pack_tokens"]

MAX_ID = 2**31 - 1
"""Largest token id. Ids are stored as int32."""


class Packed(NamedTuple):
    """Observed values of one modality.

    Attributes
    ----------
    values : array (n_observed, n_pixels) or (total_time, 1)
        uint8 or float32 for images, int32 for token ids.
    rows : int array (n_observed,)
        Samples that observe the modality, ascending.
    lengths : int array (n_observed,) or None
        Numbers of tokens; None for images.
    shape : tuple (channels, height, width) or None
        Shape of an image; None for token ids.
    """

    values: AnyArray
    rows: IntArray
    lengths: IntArray | None
    shape: tuple[int, ...] | None


def holds_images(values: Any) -> bool:
    """Return True for an array (n_samples, channels, height, width), or a list with an array of three dimensions."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values.ndim == 4
    entries = values if isinstance(values, list | tuple | np.ndarray) else ()
    first = next((entry for entry in entries if not is_missing(entry)), None)
    return isinstance(first, np.ndarray) and first.ndim == 3


def pack_images(name: str, values: Any, observed: BoolArray | None) -> Packed:
    """Pack images; see `Modality.from_values` for the parameters.

    uint8 stays uint8, other types become float32. An image of NaN only is missing.

    Raises
    ------
    ShapeError
        If two images differ in shape, or have no pixels.
    NonFiniteError
        If an image contains NaN or infinite values.
    """
    rows, images = _stacked_images(name, values, observed)
    shape, pixels = images.shape[1:], images.reshape(len(images), -1)
    if pixels.dtype != np.uint8:
        is_nan = np.isnan(pixels)
        present = ~is_nan.all(axis=1)
        incomplete = is_nan.any(axis=1) & present
        if incomplete.any():
            row = rows[np.argmax(incomplete)]
            raise NonFiniteError(f"modality {name!r}, row {row}: NaN in a part of an image; expected finite pixels")
        pixels, rows = pixels[present], rows[present]
        check_observed_values(name, pixels, rows, "error")
        pixels = pixels.astype(np.float32)
    return Packed(np.array(pixels, order="C"), rows, None, shape)


def _stacked_images(name: str, values: Any, observed: BoolArray | None) -> tuple[IntArray, AnyArray]:
    """Return the rows of the observed samples, and their images (n_observed, channels, height, width)."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        array = numeric_array(f"modality {name!r}", values)
        return (np.arange(len(array)), array) if observed is None else (np.flatnonzero(observed), array[observed])
    rows, images = _entries(name, values, observed)
    shape = images[0].shape if images else (1, 1, 1)
    for row, image in zip(rows.tolist(), images, strict=True):
        if image.shape != shape or image.ndim != 3 or not image.size:
            raise ShapeError(
                f"modality {name!r}, row {row}: image of shape {image.shape}, expected {shape} as in row {rows[0]}, "
                "(channels, height, width)"
            )
    return rows, np.stack(images) if images else np.empty((0, *shape), dtype=np.float32)


def pack_tokens(name: str, values: Any, observed: BoolArray | None, lengths: Any, padding: int) -> Packed:
    """Pack sequences of token ids; see `Modality.from_values` for the parameters.

    The ids `padding` at the end of a sequence are removed. A sequence without other ids is missing.

    Raises
    ------
    DataError
        If an id is not an integer in [0, 2^31), or if a sample is not a sequence of ids.
    """
    rows, sequences = _entries(name, values, observed)
    if lengths is not None:
        longest = max((len(ids) for ids in sequences), default=0)
        sizes = check_lengths(name, lengths, len(values), longest, rows)
        sequences = [ids[:size] for ids, size in zip(sequences, sizes.tolist(), strict=True)]
    kept, trimmed = [], []
    for row, ids in zip(rows.tolist(), sequences, strict=True):
        _check_ids(name, row, ids)
        real = np.flatnonzero(ids != padding)
        if real.size:
            kept.append(row)
            trimmed.append(ids[: real[-1] + 1].astype(np.int32))
    flat = np.concatenate(trimmed) if trimmed else np.empty(0, dtype=np.int32)
    sizes = np.array([len(ids) for ids in trimmed], dtype=np.int64)
    return Packed(flat[:, None], np.array(kept, dtype=np.int64), sizes, None)


def _check_ids(name: str, row: int, ids: AnyArray) -> None:
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise DataError(
            f"modality {name!r}, row {row}: {ids.dtype} of shape {ids.shape}, expected token ids, integers (time,)"
        )
    if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) <= MAX_ID:
        wrong = int(ids.min()) if ids.min() < 0 else int(ids.max())
        raise DataError(f"modality {name!r}, row {row}: token id {wrong}, expected 0 to {MAX_ID}")


def _entries(name: str, values: Any, observed: BoolArray | None) -> tuple[IntArray, Sequence[AnyArray]]:
    """Return the rows of the observed samples and their arrays."""
    is_array = isinstance(values, np.ndarray) and values.dtype != object
    rows = [
        row
        for row in range(len(values))
        if (observed is None or observed[row]) and (is_array or not is_missing(values[row]))
    ]
    arrays = [numeric_array(f"modality {name!r}, row {row}", values[row]) for row in rows]
    return np.array(rows, dtype=np.int64), arrays
