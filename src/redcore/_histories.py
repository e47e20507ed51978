"""Thinning of training histories."""

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["thinned"]


def thinned(columns: Mapping[str, Sequence[float]], index: str, n_rows: int) -> dict[str, list[float]]:
    """Return at most `n_rows` evenly spaced rows of a history, including the first and the last.

    Parameters
    ----------
    columns : mapping of str to sequence of float
        Columns of equal length.
    index : str
        Name of the column that identifies the rows, ``"step"`` or ``"epoch"``. If `columns` does not contain it, the
        result gets it with the row numbers.
    n_rows : int

    Returns
    -------
    dict of str to list of float
        Empty if `columns` is empty or has no rows. `index` comes first.

    Examples
    --------
    >>> thinned({"loss": [4.0, 3.0, 2.0, 1.0, 0.0]}, "epoch", 3)
    {'epoch': [0, 2, 4], 'loss': [4.0, 2.0, 0.0]}
    """
    n_all = len(next(iter(columns.values()), ()))
    if not n_all:
        return {}
    rows = np.unique(np.linspace(0, n_all - 1, min(n_all, n_rows)).round().astype(int)).tolist()
    return {name: [column[row] for row in rows] for name, column in {index: range(n_all), **columns}.items()}
