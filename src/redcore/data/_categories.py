"""Codes of categories that agree between data sets."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from redcore._types import AnyArray
from redcore.data._dataset import MultimodalData
from redcore.data._mixed import Categories, union
from redcore.exceptions import SchemaError, UnseenCategoryWarning

__all__ = ["with_categories", "with_common_categories"]

WHOLE = re.compile(r"-?\d+(\.0+)?")
SHOWN = 5
"""Largest number of categories in a warning."""

Recoding = tuple[int, AnyArray]
"""A column, and the new code of every old code."""


def with_categories(
    data: MultimodalData,
    name: str,
    features: Sequence[str],
    known: Mapping[str, tuple[str, ...]],
    text: Sequence[str] = (),
) -> MultimodalData:
    """Return the data with the codes of the training data in one modality.

    Parameters
    ----------
    data : MultimodalData
    name : str
        Modality; its features are in the order of `features`.
    features : sequence of str
    known : mapping of str to tuple of str
        Categories of the training data by feature. A number in a column with names stands for the category with the
        same text; without names, numbers are codes already.
    text : sequence of str
        Features that were free text in training. They keep their own codes; a column of numbers becomes text.

    Raises
    ------
    SchemaError
        If a feature holds categories, but was numeric in training.
    """
    own = data.categories.get(name, {})
    if own == known and not text:
        return data
    for feature, categories in own.items():
        if feature not in known and feature not in text and categories:
            raise SchemaError(
                f"modality {name!r}, feature {feature!r} holds text ({categories[0]!r}, ...), expected numbers as in "
                "training"
            )
    recodings: list[Recoding] = []
    texts: dict[int, tuple[str, ...]] = {}
    for feature, categories in known.items():
        column = features.index(feature)
        if feature in own:
            recodings.append((column, _recoding(own[feature], categories)))
            _warn_of_unseen(data, name, column, own[feature], feature, categories)
        elif name in data.feature_names:
            texts[column] = categories
    of_text = {feature: own.get(feature) or _number_texts(data, name, features.index(feature)) for feature in text}
    texts |= {features.index(feature): of_text[feature] for feature in text if feature not in own}
    modality = data.modalities[name]
    return replace(
        data,
        modalities={**data.modalities, name: modality.mapped(partial(_recoded, recodings, texts))},
        categories={**data.categories, name: {**known, **of_text}},
        text={**data.text, name: tuple(text)} if text else {key: own for key, own in data.text.items() if key != name},
    )


def _number_texts(data: MultimodalData, name: str, column: int) -> tuple[str, ...]:
    """Return the different numbers of a column as text."""
    values = data.modalities[name].loaded().values[:, column]
    return tuple(dict.fromkeys(f"{value:.15g}" for value in np.unique(values[~np.isnan(values)]).tolist()))


def with_common_categories(
    parts: Sequence[MultimodalData],
) -> tuple[list[MultimodalData], Categories, Mapping[str, tuple[str, ...]]]:
    """Return data sets with the same codes, the union of their categories, and of their features of free text."""
    text: dict[str, tuple[str, ...]] = {}
    for part in parts:
        text |= {name: union([text.get(name, ()), features]) for name, features in part.text.items()}
    if all(part.categories == parts[0].categories for part in parts):
        return list(parts), parts[0].categories, text
    common: dict[str, dict[str, tuple[str, ...]]] = {}
    for part in parts:
        for name, features in part.categories.items():
            for feature, categories in features.items():
                joint = common.setdefault(name, {})
                joint[feature] = union([joint.get(feature, ()), categories])
    return [_conformed(part, common) for part in parts], common, text


def _conformed(part: MultimodalData, common: Categories) -> MultimodalData:
    for name, known in common.items():
        part = with_categories(part, name, part.feature_names[name], known)
    return part


def _recoding(own: tuple[str, ...], known: tuple[str, ...]) -> AnyArray:
    """Return the new code of every old code; the last entry is that of unknown categories."""
    code_of = {category: code for code, category in enumerate(known)}
    matched = _matched(own, known)
    return np.array([*(code_of.get(category, len(known)) for category in matched), len(known)], dtype=np.float64)


def _matched(own: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """Return categories with the names in `known` of whole numbers that have or lack ".0".

    pandas turns whole numbers with missing cells into floats, so that a category 1 becomes 1.0.
    """
    texts = set(known)
    by_number = {re.sub(r"\.0+$", "", name): name for name in known if WHOLE.fullmatch(name)}
    return tuple(
        by_number.get(re.sub(r"\.0+$", "", name), name) if name not in texts and WHOLE.fullmatch(name) else name
        for name in own
    )


def _recoded(recodings: Sequence[Recoding], texts: Mapping[int, tuple[str, ...]], values: AnyArray) -> AnyArray:
    values = values.copy()
    for column, codes in recodings:
        known = ~np.isnan(values[:, column])
        values[known, column] = codes[values[known, column].astype(np.int64)]
    for column, categories in texts.items():
        code_of = {category: code for code, category in enumerate(categories)}
        known = ~np.isnan(values[:, column])
        entries = [code_of.get(f"{value:.15g}", len(categories)) for value in values[known, column].tolist()]
        values[known, column] = entries
    return values


def _warn_of_unseen(
    data: MultimodalData, name: str, column: int, own: tuple[str, ...], feature: str, known: tuple[str, ...]
) -> None:
    matched = _matched(own, known)
    unseen = sorted(category for category, name in zip(own, matched, strict=True) if name not in known)
    modality = data.modalities[name]
    if not unseen or modality.stored or not len(modality.values):
        return
    n_cells = int(np.isin(modality.values[:, column], [own.index(category) for category in unseen]).sum())
    if n_cells:
        listed = ", ".join(map(repr, unseen[:SHOWN])) + (", ..." if len(unseen) > SHOWN else "")
        warnings.warn(
            f"modality {name!r}, feature {feature!r}: {n_cells} cells have categories that the training data does not "
            f"have ({listed}); they count as unknown",
            UnseenCategoryWarning,
            stacklevel=4,
        )
