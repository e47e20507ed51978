"""Leakage between the splits of a data set: shared ids, groups and bit-identical samples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data._dataset import MultimodalData

__all__ = ["Leakage", "leakage"]


@dataclass(frozen=True)
class Leakage:
    """Ids, groups and samples that occur in more than one split.

    Attributes
    ----------
    n_ids : int
        Number of sample ids that also occur in another split, ignoring case and surrounding spaces.
    ids : tuple of str
        Up to five of these ids.
    n_groups : int
        Number of groups with samples in several splits.
    groups : tuple of str
        Up to five of these groups.
    identical : dict of str to int
        Per modality, the number of validation and test samples whose values are bit-identical to those of a sample in
        another split. All-zero values are not counted.
    n_identical_samples : int
        Number of validation and test samples that are bit-identical to a sample in another split in *all* modalities;
        both samples then also have the same missing modalities.
    identical_samples : tuple of str
        Ids of up to five of these samples.
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
    """Return the leakage between the splits of `data`, or None if it has no split.

    Parameters
    ----------
    data : MultimodalData
    digests, zero : mapping of str to array (n_samples,)
        ``digests`` and ``zero`` of the `FeatureScan` of each modality.
    """
    if data.split is None:
        return None
    ids = np.array([str(sample_id).strip().casefold() for sample_id in data.sample_ids])
    shared_ids = data.sample_ids[_shared(_codes(ids), data.split)]
    groups = np.zeros(0) if data.groups is None else np.unique(data.groups[_shared(_codes(data.groups), data.split)])
    identical = {name: _shared(_codes(digests[name]), data.split) & (digests[name] != b"") for name in digests}
    identical = {name: rows & ~zero[name] & (data.split > 0) for name, rows in identical.items()}
    identical_samples = _identical_samples(data, digests) & np.any(list(identical.values()), axis=0)
    return Leakage(
        len(shared_ids),
        _examples(shared_ids),
        len(groups),
        _examples(groups),
        {name: int(rows.sum()) for name, rows in identical.items()},
        int(identical_samples.sum()),
        _examples(data.sample_ids[identical_samples]),
    )


def _codes(values: AnyArray) -> IntArray:
    codes: IntArray = np.unique(values, return_inverse=True)[1]
    return codes


def _shared(codes: IntArray, split: IntArray) -> BoolArray:
    """Return a mask of the samples whose code also occurs in another split."""
    occurs = np.zeros((int(codes.max()) + 1, int(split.max()) + 1), dtype=bool)
    occurs[codes, split] = True
    shared: BoolArray = (occurs.sum(axis=1) > 1)[codes]
    return shared


def _identical_samples(data: MultimodalData, digests: Mapping[str, AnyArray]) -> BoolArray:
    """Return a mask of the samples that equal a sample of another split in all modalities."""
    assert data.split is not None
    digest_codes = np.stack([_codes(digests[name]) for name in digests], axis=1)
    codes: IntArray = np.unique(digest_codes, axis=0, return_inverse=True)[1].reshape(-1)
    return _shared(codes, data.split)


def _examples(values: AnyArray) -> tuple[str, ...]:
    return tuple(str(value) for value in values[:EXAMPLES])
