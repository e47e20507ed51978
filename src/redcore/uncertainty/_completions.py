"""What a missing modality may have been: draws from the imputer's distribution, as values of other samples."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data import MultimodalData
from redcore.exceptions import DataError, UnsupportedError
from redcore.methods import Method

__all__ = ["Completions"]

MAX_REFERENCE = 500
FEW = 10
"""Samples under one pattern below which the errors of the imputer are taken from other patterns too."""


@dataclass(frozen=True, eq=False)
class Completions:
    """Draws of missing modalities, given what a sample observes.

    The imputer guesses a code ``g_A`` of the missing modalities A from what is there. How far off such guesses are is
    seen on reference samples that observe A: hide from them what this sample lacks, and take ``z_A - g_A``. A draw is
    the guess plus one of these errors, drawn at random for all of A together, and the values of the reference sample
    whose code is nearest to that. Values, not codes, so that every part of a prediction can read them.

    Attributes
    ----------
    method : Method
        One with a representation of one code per modality in which imputers fill in the missing ones, as RedCore.
    reference : MultimodalData
        Samples to draw from, in memory; best ones that the method was not trained on.
    codes : array (n_reference, n_modalities, width)
        Of what each reference sample observes.
    """

    method: Method
    reference: MultimodalData
    codes: AnyArray

    @classmethod
    def make(cls, method: Method, reference: MultimodalData, seed: int = 0) -> "Completions":
        """Encode the reference samples, which need a target for numbers; of more than 500 so many are drawn.

        Raises
        ------
        UnsupportedError
            If the method imputes no codes.
        """
        if not method.imputes_codes:
            raise UnsupportedError(f"{type(method).__name__} imputes no codes: what is missing cannot be drawn from it")
        reference = method.completed(reference)
        usable = np.flatnonzero(reference.availability.any(axis=1))
        if not usable.size:
            raise DataError("no reference sample observes anything")
        rows = np.sort(np.random.default_rng(seed).permutation(usable)[:MAX_REFERENCE])
        loaded = reference.take(rows).loaded()
        return cls(method, loaded, _codes(method, loaded))

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities that the method uses."""
        return self.method.active

    @cached_property
    def squared_errors(self) -> AnyArray:
        """Mean squared error on the reference samples as they are, for numbers, (n_outputs,)."""
        target = self.reference.target
        assert target is not None
        outputs = self.method.predict(self.reference)
        return np.asarray(np.square(outputs - target.values.reshape(outputs.shape)).mean(axis=0))

    def draw(
        self, data: MultimodalData, acquired: tuple[str, ...], n_draws: int, rng: np.random.Generator
    ) -> MultimodalData:
        """Return `data`, of one missing pattern, `n_draws` times with drawn values of the modalities `acquired`.

        Samples come in their order, draw after draw.
        """
        donors = np.flatnonzero(self._observe(acquired))
        if not donors.size and len(acquired) > 1:
            # nobody shows them together: one after the other
            drawn_once = self.draw(data, acquired[:1], n_draws, rng)
            return self.draw(drawn_once, acquired[1:], 1, rng)
        if not donors.size:
            raise DataError(f"no reference sample observes {'+'.join(acquired)}: it cannot be drawn")
        places = [self.names.index(name) for name in acquired]
        there = self.codes[donors][:, places].reshape(len(donors), -1)
        errors = self._errors(data, donors, places)
        guesses = np.tile(_codes(self.method, data)[:, places].reshape(data.n_samples, -1), (n_draws, 1))
        wanted = guesses + errors[rng.integers(len(errors), size=len(guesses))]
        chosen = donors[_nearest(wanted, there)]
        repeated = data.take(np.tile(np.arange(data.n_samples), n_draws))
        drawn = {name: self.reference.modalities[name].take(chosen) for name in acquired}
        modalities = {**repeated.modalities, **drawn}
        return replace(repeated, modalities={name: modalities[name] for name in sorted(modalities)})

    def _errors(self, data: MultimodalData, donors: IntArray, places: list[int]) -> AnyArray:
        """Return what the imputer errs by on reference samples of which only what `data` observes is read."""
        pattern = tuple(name for name, m in data.modalities.items() if name in self.names and m.n_observed)
        complete = donors[self._observe(pattern)[donors]]
        rows = complete if len(complete) >= FEW else donors
        part = self.reference.take(rows)
        keep = np.isin(part.names, pattern)
        guessed = _codes(self.method, part.hide(np.broadcast_to(keep, (len(rows), len(keep)))))
        return np.asarray((self.codes[rows] - guessed)[:, places].reshape(len(rows), -1))

    def _observe(self, names: tuple[str, ...]) -> BoolArray:
        """Return which reference samples observe all of `names`."""
        observed = np.ones(self.reference.n_samples, dtype=bool)
        for name in names:
            observed &= self.reference.modalities[name].availability
        return observed


def _codes(method: Method, data: MultimodalData) -> AnyArray:
    codes: AnyArray = method.transform(data).astype(np.float64)
    return codes.reshape(data.n_samples, len(method.active), -1)


def _nearest(wanted: AnyArray, there: AnyArray) -> IntArray:
    """Return the row of `there` that is nearest to each row of `wanted`."""
    norms, nearest = (there**2).sum(axis=1), []
    for start in range(0, len(wanted), 4096):
        nearest.append((norms - 2 * wanted[start : start + 4096] @ there.T).argmin(axis=1))
    return np.concatenate(nearest) if nearest else np.zeros(0, dtype=np.int64)
