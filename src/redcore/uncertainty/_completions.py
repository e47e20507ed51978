"""Random completions of missing modalities with values of other samples (hot-deck imputation in code space)."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from redcore._pattern_names import pattern_name
from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data import MultimodalData, require_single_target
from redcore.exceptions import DataError, TargetError, UnsupportedError
from redcore.methods import Method

__all__ = ["Completions"]

MAX_REFERENCE = 500
"""Maximum number of reference samples."""

MIN_COMPLETE = 10
"""Minimum number of reference samples that observe a pattern to estimate imputation errors from these only."""


@dataclass(frozen=True, eq=False)
class Completions:
    """Random completions of missing modalities, conditional on the observed modalities of a sample.

    A completion of the missing modalities A is drawn in four steps:

    1. The imputer predicts the codes ``g_A`` of the missing modalities from the observed ones.
    2. The imputation errors ``z_A - g_A`` are computed on reference samples that observe A, after hiding from them the
       modalities that the sample is missing.
    3. One of these errors, drawn at random for all modalities of A jointly, is added to ``g_A``.
    4. The completion is the values of the reference sample whose codes are nearest to this sum.

    Completions are values and not codes, so that all parts of a method can use them.

    Attributes
    ----------
    method : Method
        Fitted method with imputed codes, such as RedCore; see `Method.imputes_codes`.
    reference : MultimodalData
        Reference samples in memory, preferably not seen in training.
    codes : array (n_reference, n_modalities, width)
        Codes of the reference samples.
    """

    method: Method
    reference: MultimodalData
    codes: AnyArray

    @classmethod
    def make(cls, method: Method, reference: MultimodalData, seed: int = 0) -> "Completions":
        """Encode the reference samples.

        Parameters
        ----------
        method : Method
        reference : MultimodalData
            Reference samples, of which at most 500 are used. In regression, they need a target.
        seed : int
            Seed of the selection.

        Raises
        ------
        UnsupportedError
            If the method does not impute codes.
        TargetError
            If the target is a survival target.
        DataError
            If no reference sample observes a modality.
        """
        if not method.imputes_codes:
            raise UnsupportedError(
                f"{type(method).__name__} does not impute codes, so missing modalities cannot be drawn"
            )
        require_single_target(method.schema.target_kind, "uncertainty from missing modalities")
        if method.schema.target_kind.is_survival:
            raise TargetError("uncertainty from missing modalities is not defined for a survival target")
        reference = method.completed(reference)
        usable = np.flatnonzero(reference.availability.any(axis=1))
        if not usable.size:
            raise DataError("no reference sample observes a modality")
        rows = np.sort(np.random.default_rng(seed).permutation(usable)[:MAX_REFERENCE])
        loaded = reference.take(rows).loaded()
        return cls(method, loaded, _codes(method, loaded))

    @property
    def names(self) -> tuple[str, ...]:
        """Modalities that the method uses."""
        return self.method.active

    @cached_property
    def squared_errors(self) -> AnyArray:
        """Mean squared error on the reference samples in regression, (n_outputs,)."""
        target = self.reference.target
        assert target is not None
        outputs = self.method.predict(self.reference)
        return np.asarray(np.square(outputs - target.values.reshape(outputs.shape)).mean(axis=0))

    def draw(
        self, data: MultimodalData, acquired: tuple[str, ...], n_draws: int, rng: np.random.Generator
    ) -> MultimodalData:
        """Return `n_draws` copies of `data` with random completions of the modalities `acquired`.

        Parameters
        ----------
        data : MultimodalData
            Samples with the same missing pattern.
        acquired : tuple of str
            Missing modalities to complete.
        n_draws : int
        rng : numpy.random.Generator

        Returns
        -------
        MultimodalData
            ``n_draws * data.n_samples`` samples, one copy of the data after the other.

        Raises
        ------
        DataError
            If no reference sample observes a modality of `acquired`.
        """
        donors = np.flatnonzero(self._observe(acquired))
        if not donors.size and len(acquired) > 1:
            # no reference sample observes all of them, so they are completed one after the other
            partly = self.draw(data, acquired[:1], n_draws, rng)
            return self.draw(partly, acquired[1:], 1, rng)
        if not donors.size:
            raise DataError(f"no reference sample observes {pattern_name(acquired)}, so it cannot be drawn")
        columns = [self.names.index(name) for name in acquired]
        donor_codes = self.codes[donors][:, columns].reshape(len(donors), -1)
        errors = self._errors(data, donors, columns)
        imputed = np.tile(_codes(self.method, data)[:, columns].reshape(data.n_samples, -1), (n_draws, 1))
        sampled = imputed + errors[rng.integers(len(errors), size=len(imputed))]
        chosen = donors[_nearest(sampled, donor_codes)]
        repeated = data.take(np.tile(np.arange(data.n_samples), n_draws))
        drawn = {name: self.reference.modalities[name].take(chosen) for name in acquired}
        modalities = {**repeated.modalities, **drawn}
        return replace(repeated, modalities={name: modalities[name] for name in sorted(modalities)})

    def _errors(self, data: MultimodalData, donors: IntArray, columns: list[int]) -> AnyArray:
        """Return imputation errors on reference samples with the missing pattern of `data`, (n, n_columns * width)."""
        pattern = tuple(name for name, m in data.modalities.items() if name in self.names and m.n_observed)
        complete = donors[self._observe(pattern)[donors]]
        rows = complete if len(complete) >= MIN_COMPLETE else donors
        subset = self.reference.take(rows)
        keep = np.isin(subset.names, pattern)
        imputed = _codes(self.method, subset.hide(np.broadcast_to(keep, (len(rows), len(keep)))))
        return np.asarray((self.codes[rows] - imputed)[:, columns].reshape(len(rows), -1))

    def _observe(self, names: tuple[str, ...]) -> BoolArray:
        """Return True for the reference samples that observe all modalities in `names`, (n_reference,)."""
        observed = np.ones(self.reference.n_samples, dtype=bool)
        for name in names:
            observed &= self.reference.modalities[name].availability
        return observed


def _codes(method: Method, data: MultimodalData) -> AnyArray:
    codes: AnyArray = method.transform(data).astype(np.float64)
    return codes.reshape(data.n_samples, len(method.active), -1)


def _nearest(queries: AnyArray, points: AnyArray) -> IntArray:
    """Return the index of the nearest row of `points` for each row of `queries`."""
    norms, nearest = (points**2).sum(axis=1), []
    for start in range(0, len(queries), 4096):
        nearest.append((norms - 2 * queries[start : start + 4096] @ points.T).argmin(axis=1))
    return np.concatenate(nearest) if nearest else np.zeros(0, dtype=np.int64)
