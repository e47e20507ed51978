"""What training and test share though they should not: ids, groups, bit-identical samples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data._dataset import MultimodalData

__all__ = ["Leakage", "leakage"]


@dataclass(frozen=True)
class Leakage:
    """How much of the data is in more than one part of its split; examples are at most five.

    Attributes
    ----------
    ids : tuple of str
        Sample ids that differ between parts in spaces or capitals only: examples.
    groups : tuple of str
        Groups with samples in several parts: examples.
    n_ids, n_groups : int
    identical : dict of str to int
        By modality, samples of validation or test whose values are bit-identical to those of a sample of another
        part. All-zero values are not counted.
    identical_samples : tuple of str
        Ids of samples of validation or test of which *all* that is observed is bit-identical: examples.
    n_identical_samples : int
    """

    n_ids: int
    ids: tuple[str, ...]
    n_groups: int
    groups: tuple[str, ...]
    identical: dict[str, int]
    n_identical_samples: int
    identical_samples: tuple[str, ...]


EXAMPLES = 5


def leakage(data: MultimodalData, digests: Mapping[str, AnyArray], zero: Mapping[str, BoolArray]) -> Leakage | None:
    """Look for what several parts share; None without a split.

    Parameters
    ----------
    data : MultimodalData
    digests, zero : mapping of str to array (n_samples,)
        By modality, from `scan`.
    """
    if data.split is None:
        return None
    ids = np.array([str(sample_id).strip().casefold() for sample_id in data.sample_ids])
    shared_ids = data.sample_ids[_shared(_codes(ids), data.split)]
    groups = np.zeros(0) if data.groups is None else np.unique(data.groups[_shared(_codes(data.groups), data.split)])
    identical = {name: _shared(_codes(digests[name]), data.split) & (digests[name] != b"") for name in digests}
    identical = {name: rows & ~zero[name] & (data.split > 0) for name, rows in identical.items()}
    whole = _whole_samples(data, digests) & np.any(list(identical.values()), axis=0)
    return Leakage(
        len(shared_ids),
        _examples(shared_ids),
        len(groups),
        _examples(groups),
        {name: int(rows.sum()) for name, rows in identical.items()},
        int(whole.sum()),
        _examples(data.sample_ids[whole]),
    )


def _codes(values: AnyArray) -> IntArray:
    codes: IntArray = np.unique(values, return_inverse=True)[1]
    return codes


def _shared(codes: IntArray, split: IntArray) -> BoolArray:
    """Return the samples whose code occurs in another part, too."""
    occurs = np.zeros((int(codes.max()) + 1, int(split.max()) + 1), dtype=bool)
    occurs[codes, split] = True
    shared: BoolArray = (occurs.sum(axis=1) > 1)[codes]
    return shared


def _whole_samples(data: MultimodalData, digests: Mapping[str, AnyArray]) -> BoolArray:
    assert data.split is not None
    together = np.stack([_codes(digests[name]) for name in digests], axis=1)
    codes: IntArray = np.unique(together, axis=0, return_inverse=True)[1].reshape(-1)
    return _shared(codes, data.split)


def _examples(values: AnyArray) -> tuple[str, ...]:
    return tuple(str(value) for value in values[:EXAMPLES])
