"""Concatenation of data sets with the same schema."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from redcore._types import AnyArray
from redcore.data._categories import with_common_categories
from redcore.data._dataset import MultimodalData
from redcore.data._modality import Modality
from redcore.data._target import Target
from redcore.exceptions import DataError

__all__ = ["concatenate", "concatenate_modalities"]


def concatenate(parts: Sequence[MultimodalData]) -> MultimodalData:
    """Concatenate data sets along the sample axis.

    Parameters
    ----------
    parts : sequence of MultimodalData
        At least one data set. All must have the same modalities and classes, and either all or none may have groups or
        a split. The caller must ensure that sample ids are unique.

    Raises
    ------
    DataError
        If the data sets do not have the same schema, or if `parts` is empty.
    """
    if len(parts) == 1:
        return parts[0]
    if not parts or any(part.names != parts[0].names for part in parts):
        raise DataError("expected one or more data sets with the same modalities to concatenate")
    parts, categories, text = with_common_categories(parts)
    return MultimodalData(
        {name: concatenate_modalities(name, [part.modalities[name] for part in parts]) for name in parts[0].names},
        _targets([part.target for part in parts]),
        _arrays("groups", [part.groups for part in parts]),
        np.concatenate([part.sample_ids for part in parts]),
        _arrays("split", [part.split for part in parts]),
        _names([part.feature_names for part in parts]),
        categories,
        text,
    )


def concatenate_modalities(name: str, parts: list[Modality]) -> Modality:
    """Concatenate one modality along the sample axis. `name` is only used in error messages."""
    counts = np.array([part.n_observed for part in parts])
    observed = [part for part in parts if part.n_observed]
    starts = np.cumsum(counts) - counts
    position = np.concatenate(
        [np.where(part.position >= 0, part.position + start, -1) for part, start in zip(parts, starts, strict=True)]
    )
    if not observed:
        return replace(parts[0], position=position)
    if len({(part.n_features, part.form, part.shape, part.padding) for part in observed}) > 1:
        forms = sorted({f"{part.n_features} features, {part.form} {part.shape or ''}".strip() for part in observed})
        raise DataError(f"modality {name!r} differs between the data sets to concatenate ({' / '.join(forms)})")
    values = np.concatenate([part.values for part in observed])
    if not observed[0].is_sequence:
        return replace(observed[0], values=values, position=position)
    lengths = np.concatenate([np.diff(part.offsets) for part in observed if part.offsets is not None])
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    return replace(observed[0], values=values, position=position, offsets=offsets)


def _targets(parts: list[Target | None]) -> Target | None:
    first = parts[0]
    if first is None or any(part is None for part in parts):
        if any(part is not None for part in parts):
            raise DataError("some of the data sets to concatenate have a target, others have none")
        return None
    targets = [part for part in parts if part is not None]
    if any(
        part.kind != first.kind or not _equal(part.classes, first.classes) or not _same_parts(part, first)
        for part in targets
    ):
        raise DataError("the data sets to concatenate have targets of different kinds or classes")
    values = np.concatenate([part.values for part in targets])
    return Target(first.kind, values, first.classes, _weights(targets), first.grid, first.parts)


def _same_parts(one: Target, other: Target) -> bool:
    """Return True if two mixed targets have the same parts, apart from the time bins."""
    return len(one.parts) == len(other.parts) and all(
        (a.name, a.kind, a.n_columns) == (b.name, b.kind, b.n_columns) and _equal(a.classes, b.classes)
        for a, b in zip(one.parts, other.parts, strict=True)
    )


def _weights(parts: list[Target]) -> AnyArray | None:
    if all(part.weights is None for part in parts):
        return None
    return np.concatenate([part.counts for part in parts])


def _names(parts: Sequence[Mapping[str, tuple[str, ...]]]) -> Mapping[str, tuple[str, ...]]:
    if any(part != parts[0] for part in parts):
        raise DataError("the data sets to concatenate have different feature names")
    return parts[0]


def _equal(one: AnyArray | None, other: AnyArray | None) -> bool:
    return other is None if one is None else other is not None and np.array_equal(one, other)


def _arrays(what: str, parts: list[AnyArray | None]) -> AnyArray | None:
    arrays = [part for part in parts if part is not None]
    if arrays and len(arrays) < len(parts):
        raise DataError(f"some of the data sets to concatenate have {what}, others have none")
    return np.concatenate(arrays) if arrays else None
