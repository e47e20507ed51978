"""Lines of text about shifts and unusual samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

__all__ = ["Fact", "fact_messages", "shift_messages"]

SHOWN = 5
"""Largest number of names in a line."""


class Shift(Protocol):
    """Fields of `DriftTest` that the lines show."""

    @property
    def kind(self) -> str: ...
    @property
    def modality(self) -> str | None: ...
    @property
    def feature(self) -> str | None: ...
    @property
    def reference(self) -> float | None: ...
    @property
    def new(self) -> float | None: ...
    @property
    def distance(self) -> float: ...
    @property
    def psi(self) -> float | None: ...
    @property
    def adjusted(self) -> float: ...


@dataclass(frozen=True)
class Fact:
    """Samples or values that differ from all training data.

    Attributes
    ----------
    kind : str
        "unseen patterns", "unseen categories" or "far outside the range".
    modality : str or None
    names : tuple of str
        Patterns or features.
    count : int
        Number of samples (patterns) or values.
    """

    kind: str
    modality: str | None
    names: tuple[str, ...]
    count: int


def shift_messages(shifts: Sequence[Shift], n_samples: int) -> list[str]:
    """Return one line per kind and modality of shifted quantities, with the largest distances first."""
    kinds, lines = list(LINES), []
    by_kind = sorted(shifts, key=lambda shift: (kinds.index(shift.kind), shift.modality or ""))
    for (kind, modality), group in groupby(by_kind, key=lambda shift: (shift.kind, shift.modality)):
        ordered = sorted(group, key=lambda shift: -shift.distance)
        p_value = f"adjusted p {min(shift.adjusted for shift in ordered):.1g}"
        lines.append(f"{LINES[kind](modality, ordered, n_samples)}, {p_value}")
    return lines


def _missing_rate(modality: str | None, shifts: Sequence[Shift], n_samples: int) -> str:
    new, old = _percent(shifts[0].new), _percent(shifts[0].reference)
    return f"modality {modality!r} is missing in {new} of {n_samples} samples, but in {old} of the training data"


def _patterns(modality: str | None, shifts: Sequence[Shift], n_samples: int) -> str:
    return f"the missing patterns have other shares than in training (stability index {shifts[0].psi:.2f})"


def _by_feature(what: str, show: Callable[[Shift], str]) -> Callable[[str | None, Sequence[Shift], int], str]:
    def line(modality: str | None, shifts: Sequence[Shift], n_samples: int) -> str:
        features = _listed([f"{shift.feature} ({show(shift)})" for shift in shifts])
        return f"modality {modality!r}: {what} differs from training in {len(shifts)} feature(s): {features}"

    return line


def _predictions(modality: str | None, shifts: Sequence[Shift], n_samples: int) -> str:
    first = shifts[0]
    index = f"stability index {first.psi:.2f}" if first.psi is not None else f"distance {first.distance:.2f}"
    if first.new is None:
        return f"the predictions have another distribution than on held-out training data ({index})"
    shares = f"{first.feature!r} in {_percent(first.new)}, before in {_percent(first.reference)}"
    return f"the predicted classes have other shares than on held-out training data ({shares}; {index})"


LINES: dict[str, Callable[[str | None, Sequence[Shift], int], str]] = {
    "missing rate": _missing_rate,
    "patterns": _patterns,
    "missing cells": _by_feature(
        "the share of missing cells", lambda shift: f"{_percent(shift.new)}, before {_percent(shift.reference)}"
    ),
    "range": _by_feature("the share of values outside the training range", lambda shift: _percent(shift.new)),
    "distribution": _by_feature("the distribution", lambda shift: f"stability index {shift.psi:.2f}"),
    "categories": _by_feature("the distribution of categories", lambda shift: f"stability index {shift.psi:.2f}"),
    "predictions": _predictions,
}


def fact_messages(facts: Sequence[Fact], n_samples: int) -> list[str]:
    """Return one line per fact."""
    return [FACTS[fact.kind].format(fact=fact, names=_listed(fact.names), n_samples=n_samples) for fact in facts]


FACTS = {
    "unseen patterns": "{fact.count} of {n_samples} samples have a missing pattern that does not occur in training: "
    "{names}",
    "unseen categories": "modality {fact.modality!r}: {fact.count} value(s) of {names} are categories that do not "
    "occur in training",
    "far outside the range": "modality {fact.modality!r}: {fact.count} value(s) of {names} are far outside the "
    "training range",
}


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.3g}%"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name or "no modality" for name in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
