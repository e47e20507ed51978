"""Removal of samples with missing cells from a modality."""

import warnings
from collections.abc import Sequence

import numpy as np

from redcore.data._modality import Modality
from redcore.exceptions import DataWarning

__all__ = ["without_incomplete"]

MANY_LOST, MIN_LOST = 0.5, 5
"""``nan_rows="missing"`` is followed by a warning if it hides more than this share and number of samples."""


def without_incomplete(name: str, modality: Modality, names: Sequence[str] | None) -> Modality:
    """Hide the modality in the samples with missing cells, and warn if these are most samples."""
    incomplete = modality.incomplete()
    n_lost = np.count_nonzero(incomplete)
    if n_lost > MANY_LOST * modality.n_observed and n_lost >= MIN_LOST:
        shares = np.isnan(modality.values).mean(axis=0)
        worst = int(shares.argmax())
        warnings.warn(
            f"modality {name!r}: nan_rows='missing' makes it missing in {n_lost} of its {modality.n_observed} samples, "
            f"since they have missing cells, most often in column {(names or range(len(shares)))[worst]!r} "
            f"({shares[worst]:.1%}); leave the column out, or use nan_rows='keep'",
            DataWarning,
            stacklevel=5,
        )
    return modality.hide(~incomplete)
