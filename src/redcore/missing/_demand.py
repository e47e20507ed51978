"""Input of a missing protocol."""

from dataclasses import dataclass

import numpy as np

from redcore._types import FloatArray
from redcore.data import MultimodalData
from redcore.exceptions import DataError

__all__ = ["Demand"]


@dataclass(frozen=True)
class Demand:
    """Input of a missing protocol: number of samples, missing rates and optionally the samples themselves.

    Attributes
    ----------
    n_samples : int
    missing_rates : dict of str to float
        Fraction of samples in which each modality is missing, in [0, 1].
    at_least_one : bool
        If True, every sample keeps at least one modality.
    data : MultimodalData or None
        The samples, for protocols that depend on values, labels or groups.
    """

    n_samples: int
    missing_rates: dict[str, float]
    at_least_one: bool = True
    data: MultimodalData | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Modality names, in the order of the columns of an availability mask."""
        return tuple(self.missing_rates)

    @property
    def rates(self) -> FloatArray:
        """Missing rates, float (n_modalities,), in the order of `names`."""
        return np.array(list(self.missing_rates.values()))

    def samples(self, protocol: str) -> MultimodalData:
        """Return the data, or raise `DataError` if `protocol` was called without any."""
        if self.data is None:
            raise DataError(f"missing protocol {protocol!r} depends on the samples: use ampute() to pass them")
        return self.data
