"""Names, categories and free text of the columns of all modalities: those of frames, and checks of given ones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from redcore._validation import check_known
from redcore.data._alignment import AlignedInputs
from redcore.data._frames import Frame, NamedEntries
from redcore.data._mixed import Categories, MixedColumns, check_codes
from redcore.data._modality import Modality
from redcore.exceptions import DataError

__all__ = [
    "checked_categories",
    "checked_feature_names",
    "checked_text",
    "column_categories",
    "column_names",
    "column_text",
]


def column_names(inputs: AlignedInputs, plain: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the column names of the modalities that are frames, or lists of them."""
    both = [*plain.items(), *inputs.items()]
    return {name: values.names for name, values in both if isinstance(values, Frame | MixedColumns | NamedEntries)}


def column_categories(values: Mapping[str, Any]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the categories of the modalities that have columns of categories."""
    return {name: own.categories for name, own in values.items() if isinstance(own, MixedColumns) and own.categories}


def column_text(values: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the names of the columns of free text, for the modalities that have any."""
    return {name: own.text for name, own in values.items() if isinstance(own, MixedColumns) and own.text}


def checked_categories(
    categories: Mapping[str, Mapping[str, Sequence[str]]],
    modalities: Mapping[str, Modality],
    names: Mapping[str, tuple[str, ...]],
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Check the categories of every modality and the codes of the observed samples."""
    check_known("modality", categories, modalities)
    for modality, features in categories.items():
        check_known(f"feature (of modality {modality!r})", features, names.get(modality, ()))
        for feature, own in features.items():
            if len(modalities[modality].values):
                column = modalities[modality].values[:, names[modality].index(feature)]
                check_codes(f"modality {modality!r}, feature {feature!r}", column, len(own))
    return {
        modality: {feature: tuple(map(str, own)) for feature, own in categories[modality].items()}
        for modality in sorted(categories)
        if categories[modality]
    }


def checked_text(
    text: Mapping[str, Sequence[str]], modalities: Mapping[str, Modality], categories: Categories
) -> dict[str, tuple[str, ...]]:
    """Check the names of the features of free text; their different texts must be in `categories`."""
    check_known("modality", text, modalities)
    for modality, features in text.items():
        check_known(f"feature of text (of modality {modality!r})", features, categories.get(modality, {}))
        if features and modalities[modality].is_sequence:
            raise DataError(f"modality {modality!r} has time steps, expected vectors for a feature of text")
    return {modality: tuple(text[modality]) for modality in sorted(text) if text[modality]}


def checked_feature_names(
    names: Mapping[str, Sequence[str]], modalities: Mapping[str, Modality]
) -> dict[str, tuple[str, ...]]:
    """Check the feature names of every modality."""
    check_known("modality", names, modalities)
    for modality, features in names.items():
        n_features = modalities[modality].n_features
        if n_features and len(features) != n_features:
            raise DataError(f"modality {modality!r} has {n_features} features, but {len(features)} feature names")
        if twice := next((name for name, count in Counter(features).items() if count > 1), None):
            raise DataError(f"modality {modality!r}: feature name {twice!r} occurs twice")
    return {modality: tuple(map(str, names[modality])) for modality in sorted(names)}
