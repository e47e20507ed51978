"""Nearest-neighbour imputation: missing features are means over similar training samples, then a linear model."""

from typing import Annotated, ClassVar, cast

import numpy as np
from pydantic import Field

from redcore._settings import Search
from redcore._types import AnyArray
from redcore.data import Target
from redcore.linear import LinearSettings, fit_linear, linear_outputs
from redcore.methods._base import MethodSettings, TableMethod

__all__ = ["METHOD", "KnnFill", "KnnFillSettings"]

SOURCE = "Troyanskaya et al. (2001), Missing value estimation methods for DNA microarrays, Bioinformatics 17(6)"

ROWS_AT_ONCE = 512


class KnnFillSettings(LinearSettings):
    """Constants of nearest-neighbour imputation, beside those of the linear model.

    Attributes
    ----------
    n_neighbours : int >= 1, default 5
    max_donors : int >= 1, default 5000
        Most training samples that are kept to impute from, drawn at random.
    """

    SEARCH: ClassVar[dict[str, Search]] = {"n_neighbours": Search(1, 50, log=True, whole=True)}

    n_neighbours: Annotated[int, Field(ge=1)] = 5
    max_donors: Annotated[int, Field(ge=1)] = 5000


class KnnFill(TableMethod):
    """Imputes a missing modality by the mean over the nearest training samples that observe it.

    The distance is the mean squared difference over the features that both observe. Unlike the original, which works
    feature by feature, whole modalities are imputed, as they are missing as a whole.
    """

    Settings: ClassVar[type[MethodSettings]] = KnnFillSettings

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        settings = cast(KnnFillSettings, self.settings)
        rows = np.random.default_rng(seed).permutation(len(table))[: settings.max_donors]
        donors = table[np.sort(rows)]
        coefficients, intercepts = fit_linear(self._filled(table, donors), target, settings, groups)
        return {"donors": donors, "coefficients": coefficients, "intercepts": intercepts}

    def _predict_table(self, table: AnyArray) -> AnyArray:
        filled = self._filled(table, self.table_arrays["donors"])
        linear = filled @ self.table_arrays["coefficients"] + self.table_arrays["intercepts"]
        return linear_outputs(linear, self.schema.target_kind)

    def _filled(self, table: AnyArray, donors: AnyArray) -> AnyArray:
        pieces = [
            self._filled_piece(table[start : start + ROWS_AT_ONCE], donors)
            for start in range(0, len(table), ROWS_AT_ONCE)
        ]
        return np.concatenate(pieces)

    def _filled_piece(self, table: AnyArray, donors: AnyArray) -> AnyArray:
        distance = _distances(table, donors)
        filled = np.nan_to_num(table, nan=0.0)
        start = 0
        for width in self.widths.values():
            columns = slice(start, start + width)
            start += width
            lacking = np.flatnonzero(np.isnan(table[:, columns.start]))
            able = np.flatnonzero(~np.isnan(donors[:, columns.start]))
            if lacking.size and able.size:
                chosen = _nearest(distance[np.ix_(lacking, able)], cast(KnnFillSettings, self.settings).n_neighbours)
                filled[lacking, columns] = donors[able[chosen], columns].mean(axis=1)
        return filled


def _distances(table: AnyArray, donors: AnyArray) -> AnyArray:
    """Return mean squared differences over what both observe, infinite where that is nothing."""
    here, there = (~np.isnan(table)).astype(np.float64), (~np.isnan(donors)).astype(np.float64)
    one, other = np.nan_to_num(table, nan=0.0), np.nan_to_num(donors, nan=0.0)
    squares = (one**2) @ there.T + here @ (other**2).T - 2 * one @ other.T
    shared = here @ there.T
    return np.where(shared > 0, squares / np.maximum(shared, 1), np.inf)


def _nearest(distance: AnyArray, n_neighbours: int) -> AnyArray:
    order: AnyArray = np.argsort(distance, axis=1, kind="stable")[:, :n_neighbours]
    return order


METHOD = KnnFill
