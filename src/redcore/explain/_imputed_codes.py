"""Latent codes of a modality: encoded from its values, and imputed from the other modalities."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from redcore._types import FloatArray
from redcore._validation import check_known
from redcore.data import MultimodalData
from redcore.exceptions import DataError
from redcore.methods import Method

__all__ = ["LEAST_SAMPLES", "ImputedCodes", "imputed_codes"]

LEAST_SAMPLES = 3
SHOWN = 150
"""Largest number of samples in `ImputedCodes.to_dict`."""
DIGITS = 4


@dataclass(frozen=True)
class ImputedCodes:
    """Real and imputed latent codes of one modality, on the two main axes of the real codes.

    Attributes
    ----------
    modality : str
    real, imputed : array (n_samples, 2)
        Coordinates of the code from the values of the modality, and of the code imputed from the other modalities.
    explained : float
        Share of the variance of the real codes, over all their dimensions, that the imputed codes explain (R2). It is
        at most 1, negative if the imputed codes are worse than the mean of the real ones, and NaN if the real codes are
        equal.
    drawn : float
        Share of the variance of the real codes on the two axes.
    """

    modality: str
    real: FloatArray
    imputed: FloatArray
    explained: float
    drawn: float

    def to_dict(self) -> dict[str, Any]:
        """Return the content for JSON, with at most 150 samples; undefined shares are None."""
        rows = np.unique(np.linspace(0, len(self.real) - 1, SHOWN).round().astype(int))
        shares = {"explained": self.explained, "drawn": self.drawn}
        return {
            "modality": self.modality,
            "n_samples": len(self.real),
            **{name: round(share, DIGITS) if np.isfinite(share) else None for name, share in shares.items()},
            "real": self.real[rows].round(DIGITS).tolist(),
            "imputed": self.imputed[rows].round(DIGITS).tolist(),
        }


def imputed_codes(method: Method, data: MultimodalData, modality: str) -> ImputedCodes:
    """Encode samples twice: with a modality, and without it.

    Parameters
    ----------
    method : Method
        Fitted method that imputes latent codes, such as RedCore. Codes are those of its first ensemble member.
    data : MultimodalData
        Samples without the modality, or with no other modality, are left out.
    modality : str

    Raises
    ------
    UnsupportedError
        If the method does not impute latent codes.
    UnknownNameError
        If the method has no such modality.
    DataError
        If fewer than three samples have the modality and another one.
    """
    check_known("modality", [modality], [one.name for one in method.schema.modalities])
    data = method.schema.align(data)
    column = data.names.index(modality)
    others = np.delete(data.availability, column, axis=1).any(axis=1)
    data = data.take(np.flatnonzero(data.availability[:, column] & others))
    if data.n_samples < LEAST_SAMPLES:
        raise DataError(
            f"modality {modality!r}: expected at least {LEAST_SAMPLES} samples with it and another one, "
            f"got {data.n_samples}"
        )
    hidden = data.availability.copy()
    hidden[:, column] = False
    real = np.asarray(method.latent(data).codes[modality], dtype=np.float64)
    imputed = np.asarray(method.impute(data.hide(hidden)).codes[modality], dtype=np.float64)
    centre = real.mean(axis=0)
    axes = np.zeros((real.shape[1], 2))
    main_axes = np.linalg.svd(real - centre, full_matrices=False)[2][:2].T
    axes[:, : main_axes.shape[1]] = main_axes
    total = np.square(real - centre).sum()
    points = (real - centre) @ axes, (imputed - centre) @ axes
    missed = np.square(imputed - real).sum()
    shares = (1 - missed / total, np.square(points[0]).sum() / total) if total else (float("nan"), float("nan"))
    return ImputedCodes(modality, *points, *map(float, shares))
