"""k-nearest-neighbour imputation of missing modalities, and logistic (or ridge) regression."""

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
"""Samples per chunk, which bounds the size of the distance matrix."""


class KnnFillSettings(LinearSettings):
    """Hyperparameters of nearest-neighbour imputation in addition to those of the linear model.

    Attributes
    ----------
    n_neighbours : int >= 1, default 5
    max_donors : int >= 1, default 5000
        Maximum number of training samples used for imputation. If there are more, a random subset is used.
    """

    SEARCH: ClassVar[dict[str, Search]] = {"n_neighbours": Search(1, 50, log=True, whole=True)}

    n_neighbours: Annotated[int, Field(ge=1)] = 5
    max_donors: Annotated[int, Field(ge=1)] = 5000


class KnnFill(TableMethod):
    """Imputation of a missing modality by the mean of the nearest training samples that observe it.

    The distance of two samples is the mean squared difference over the features that both observe. The original
    method imputes each feature separately. This one imputes all features of a modality from the same neighbours.
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
        chunks = [
            self._filled_chunk(table[start : start + ROWS_AT_ONCE], donors)
            for start in range(0, len(table), ROWS_AT_ONCE)
        ]
        return np.concatenate(chunks)

    def _filled_chunk(self, table: AnyArray, donors: AnyArray) -> AnyArray:
        distance = _distances(table, donors)
        filled = np.nan_to_num(table, nan=0.0)
        start = 0
        for width in self.widths.values():
            columns = slice(start, start + width)
            start += width
            incomplete = np.flatnonzero(np.isnan(table[:, columns.start]))
            observing = np.flatnonzero(~np.isnan(donors[:, columns.start]))
            if incomplete.size and observing.size:
                n_neighbours = cast(KnnFillSettings, self.settings).n_neighbours
                chosen = _nearest(distance[np.ix_(incomplete, observing)], n_neighbours)
                filled[incomplete, columns] = donors[observing[chosen], columns].mean(axis=1)
        return filled


def _distances(table: AnyArray, donors: AnyArray) -> AnyArray:
    """Return the mean squared differences over features that both samples observe; infinite if there are none."""
    observed, donor_observed = (~np.isnan(table)).astype(np.float64), (~np.isnan(donors)).astype(np.float64)
    values, donor_values = np.nan_to_num(table, nan=0.0), np.nan_to_num(donors, nan=0.0)
    squares = (values**2) @ donor_observed.T + observed @ (donor_values**2).T - 2 * values @ donor_values.T
    shared = observed @ donor_observed.T
    return np.where(shared > 0, squares / np.maximum(shared, 1), np.inf)


def _nearest(distance: AnyArray, n_neighbours: int) -> AnyArray:
    order: AnyArray = np.argsort(distance, axis=1, kind="stable")[:, :n_neighbours]
    return order


METHOD = KnnFill
