"""Correction of p-values for multiple tests."""

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["holm"]

P = TypeVar("P", float, float | None)


def holm(p_values: Sequence[P]) -> list[P]:
    """Adjust p-values for multiple tests (Holm 1979). None stays None and does not count as a test.

    Examples
    --------
    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    order = sorted((p_value, index) for index, p_value in enumerate(p_values) if p_value is not None)
    adjusted = list(p_values)
    highest = 0.0
    for rank, (p_value, index) in enumerate(order):
        highest = max(highest, min(1.0, p_value * (len(order) - rank)))
        adjusted[index] = highest
    return adjusted
