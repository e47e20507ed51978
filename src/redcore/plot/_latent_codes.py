"""Latent codes of a modality: encoded from its values, and imputed from the other modalities."""

from dataclasses import dataclass
from typing import Any, Self

from matplotlib.axes import Axes
from sklearn.utils.validation import check_is_fitted

from redcore._types import FloatArray
from redcore.estimators import MultimodalEstimator
from redcore.explain import imputed_codes
from redcore.plot._display import Display
from redcore.report import COLOURS

__all__ = ["LatentCodesDisplay"]

SHOWN_LINES = 100
"""Largest number of samples whose two codes are connected."""


@dataclass
class LatentCodesDisplay(Display):
    """Real and imputed latent codes of one modality, on the two main axes of the real codes.

    Attributes
    ----------
    modality : str
    real, imputed : array (n_samples, 2)
        Coordinates of the code from the values of the modality, and of the code imputed from the other modalities.
    explained : float
        Share of the variance of the real codes, over all their dimensions, that the imputed codes explain (R2). It is
        at most 1, and negative if the imputed codes are worse than the mean of the real ones.
    """

    modality: str
    real: FloatArray
    imputed: FloatArray
    explained: float

    @classmethod
    def from_estimator(
        cls, estimator: MultimodalEstimator, X: Any, modality: str, *, availability: Any = None, ax: Axes | None = None
    ) -> Self:
        """Encode the samples twice, with the modality and without it, and draw both codes.

        Parameters
        ----------
        estimator : MultimodalEstimator
            Fitted estimator of a method that imputes latent codes, such as RedCore.
        X, availability
            Samples, as in `fit`. Samples without the modality, or with no other modality, are left out.
        modality : str
        ax : matplotlib.axes.Axes, optional
            Default: a new figure.

        Raises
        ------
        UnsupportedError
            If the method does not impute latent codes.
        UnknownNameError
            If the estimator has no such modality.
        DataError
            If fewer than three samples have the modality and another one.
        """
        check_is_fitted(estimator)
        one = imputed_codes(estimator.method_, estimator._data(X, availability), modality)
        return cls(one.modality, one.real, one.imputed, one.explained).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw both codes of each sample; lines connect them for the first samples."""
        axes = self._axes(ax, 5.0, 4.2)
        for real, imputed in zip(self.real[:SHOWN_LINES], self.imputed[:SHOWN_LINES], strict=True):
            axes.plot(*zip(real, imputed, strict=True), color="grey", linewidth=0.4, alpha=0.5)
        axes.scatter(self.real[:, 0], self.real[:, 1], s=12, color=COLOURS[0], label="from its values")
        axes.scatter(
            self.imputed[:, 0], self.imputed[:, 1], s=12, color=COLOURS[1], marker="x", linewidth=0.8, label="imputed"
        )
        axes.set_xlabel("first axis of the real codes")
        axes.set_ylabel("second axis")
        axes.set_title(f"{self.modality}: imputed codes explain {self.explained:.0%} of the variance", fontsize=10)
        axes.legend(frameon=False, fontsize=8)
        self._finish()
        return self
