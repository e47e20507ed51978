"""What a missing protocol is asked for."""

from dataclasses import dataclass

import numpy as np

from redcore._types import FloatArray
from redcore.data import MultimodalData
from redcore.exceptions import DataError

__all__ = ["Demand"]


@dataclass(frozen=True)
class Demand:
    """The samples whose modalities go missing, and how much of each.

    Attributes
    ----------
    n_samples : int
    missing_rates : dict of str to float
        Share of samples that lack each modality, in [0, 1].
    at_least_one : bool
        Whether every sample keeps at least one modality.
    data : MultimodalData or None
        The samples themselves, for protocols that look at values, labels or groups.
    """

    n_samples: int
    missing_rates: dict[str, float]
    at_least_one: bool = True
    data: MultimodalData | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Modality names, in the order of the columns."""
        return tuple(self.missing_rates)

    @property
    def rates(self) -> FloatArray:
        """(n_modalities,)."""
        return np.array(list(self.missing_rates.values()))

    def samples(self, protocol: str) -> MultimodalData:
        """Return the data, or say that the protocol cannot do without."""
        if self.data is None:
            raise DataError(f"missing protocol {protocol!r} looks at the samples: use ampute(), which is given them")
        return self.data
