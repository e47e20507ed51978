"""Latent codes of all modalities, observed and imputed."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from redcore._types import AnyArray, BoolArray

__all__ = ["LatentCodes"]


class LatentCodes(NamedTuple):
    """Latent codes of some samples.

    Attributes
    ----------
    codes : dict of str to array (n_samples, width)
        Codes by modality.
    imputed : dict of str to bool array (n_samples,)
        True for the samples in which the modality is missing.
    """

    codes: dict[str, AnyArray]
    imputed: dict[str, BoolArray]

    @classmethod
    def of(cls, names: Sequence[str], codes: AnyArray, availability: BoolArray) -> Self:
        """Return the codes (n_samples, n_modalities, width) by modality, which are imputed where it is missing."""
        return cls(
            {name: codes[:, place] for place, name in enumerate(names)},
            {name: ~availability[:, place] for place, name in enumerate(names)},
        )

    def without_imputed(self) -> Self:
        """Return the codes with NaN in place of imputed ones."""
        codes = {name: np.where(self.imputed[name][:, None], np.nan, code) for name, code in self.codes.items()}
        return self._replace(codes=codes)
