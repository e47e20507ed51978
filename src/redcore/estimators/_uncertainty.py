"""Uncertainty of estimators: calibration, and uncertainty due to missing modalities."""

from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from redcore._types import AnyArray
from redcore.data import MultimodalData
from redcore.estimators._base import MultimodalEstimator
from redcore.exceptions import UnsupportedError
from redcore.explain import ModalityValue, modality_value
from redcore.uncertainty import Calibration, Completions, Uncertainty, acquisition_values, uncertainty

__all__ = ["CalibratedEstimator"]


class CalibratedEstimator(MultimodalEstimator):
    """Base class of estimators with conformal calibration and uncertainty measures.

    Attributes
    ----------
    calibration_ : Calibration
        Conformal calibration, set by `calibrate`.
    reference_ : MultimodalData
        Calibration set, from which values of missing modalities are drawn. Set by `calibrate`.
    """

    def calibrate(self, X: Any, y: Any = None, availability: Any = None, groups: Any = None) -> Self:
        """Calibrate the estimator for all missing patterns on samples not used in training; see `Calibration`.

        Parameters
        ----------
        X, y, availability, groups
            As in `fit`. With groups, coverage holds for samples of new groups.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        data = self._unweighted(X, y, availability, groups)
        self.calibration_ = Calibration.fit(self.method_, data)
        self.reference_ = self.method_.schema.align(data)
        return self

    def uncertainty(self, X: Any, availability: Any = None, n_draws: int = 32, seed: int = 0) -> Uncertainty:
        """Return the uncertainty of each prediction, and the part due to missing modalities.

        Only methods with imputers, such as RedCore, support it. See `redcore.uncertainty.Uncertainty` for the
        definition. `calibrate` must be called before.
        """
        return uncertainty(self._completions(), self._data(X, availability), n_draws, seed)

    def acquisition_values(
        self, X: Any, availability: Any = None, n_draws: int = 32, seed: int = 0
    ) -> dict[str, AnyArray]:
        """Return the expected decrease of the entropy of each prediction by observing a missing modality, in nats.

        The result has an array (n_samples,) per modality, with NaN for samples that observe it. See
        `redcore.uncertainty.acquisition_values`. `calibrate` must be called before.
        """
        completions = self._completions()
        values = acquisition_values(completions, self._data(X, availability), n_draws, seed)
        return dict(zip(completions.names, values.T, strict=True))

    def modality_value(
        self, X: Any, y: Any = None, availability: Any = None, metric: str | None = None, **options: Any
    ) -> ModalityValue:
        """Return the Shapley values of the modalities for a score; see `redcore.explain.modality_value`."""
        check_is_fitted(self)
        return modality_value(self.method_, self._unweighted(X, y, availability), metric, **options)

    def _unweighted(self, X: Any, y: Any, availability: Any, groups: Any = None) -> MultimodalData:
        inputs = self._inputs(X, availability, y=y, groups=groups)
        data = self._converted(inputs, availability, groups)
        y = inputs.per_sample("y", y)
        return data if y is None and data.target is not None else replace(data, target=self._target(y))

    def _completions(self) -> Completions:
        check_is_fitted(self)
        if not hasattr(self, "reference_"):
            # model files contain the calibration, but not the calibration set
            raise UnsupportedError(
                "there are no samples from which missing modalities can be drawn: call calibrate(X, y) first"
            )
        return Completions.make(self.method_, self.reference_)

    def _check_calibrated(self) -> None:
        check_is_fitted(self)
        if not hasattr(self, "calibration_"):
            raise UnsupportedError(f"this {type(self).__name__} is not calibrated: call calibrate(X, y) first")

    def _bounds(self, data: MultimodalData, coverage: float) -> AnyArray:
        self._check_calibrated()
        return self.calibration_.bounds(data, coverage)

    def _outputs(self, X: Any, availability: Any, n_samples: int | None = None, seed: int = 0) -> AnyArray:
        """Return predictions, or their mean over `n_samples` posterior samples of the latent codes."""
        check_is_fitted(self)
        data = self._data(X, availability)
        if n_samples is None:
            return self.method_.predict(data, empty=self.empty)
        return np.asarray(self.method_.sample(data, n_samples, seed=seed, empty=self.empty).mean(axis=0))
