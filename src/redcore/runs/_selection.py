"""Scores per missing pattern for the population of all samples, by inverse probability weighting."""

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target
from redcore.exceptions import TargetError
from redcore.metrics import AS_OBSERVED, SamplePredictions, inverse_probability_weights, weighted_scores
from redcore.preprocessing import VectorPreprocessor

__all__ = ["SelectionWeighting"]

N_COMPONENTS = 20
"""Largest number of principal components of the complete modalities among the covariates."""


class SelectionWeighting:
    """Collector of predictions that computes their weighted scores; see `redcore.metrics.evaluate_patterns`.

    A pattern is scored on the samples that observe all of its modalities. If missingness depends on the label or on
    other modalities, these samples are no random sample of all. Their weights are the inverse of the probability of
    observing the pattern, given the target and the modalities that no sample is missing.

    Parameters
    ----------
    data : MultimodalData
        The scored samples.
    seed : int
        Seed of the folds on which the probabilities are estimated.

    Attributes
    ----------
    scores : dict of str to scores
        Result of `redcore.metrics.weighted_scores` by missing pattern.

    Raises
    ------
    TargetError
        If the target is no class and no single continuous value.
    """

    def __init__(self, data: MultimodalData, seed: int) -> None:
        self.data, self.seed = data, seed
        self.covariates = _standardised(np.column_stack([_of_target(data.target), _of_complete(data)]))
        self.scores: dict[str, dict[str, float | None]] = {}

    def add(self, name: str, rows: IntArray, predictions: SamplePredictions | None) -> None:
        """Add the predictions of the samples `rows` under the missing pattern `name`."""
        if predictions is None or name == AS_OBSERVED:
            return
        is_scored = np.zeros(self.data.n_samples, dtype=bool)
        is_scored[rows] = True
        weights = inverse_probability_weights(is_scored, self.covariates, self.data.groups, self.seed)
        self.scores[name] = weighted_scores(predictions, weights)


def _of_target(target: Target | None) -> AnyArray:
    """Return class indicators (n_samples, n_classes), or powers 1 and 2 of a value (n_samples, 2)."""
    if target is not None and target.is_classification:
        assert target.classes is not None
        return np.eye(len(target.classes))[target.values]
    if target is not None and target.kind.is_regression and target.values.size == len(target.values):
        values = _standardised(target.values.reshape(-1, 1))
        return np.hstack([values, values**2])
    raise TargetError("weighted scores: expected a target with one class or one continuous value per sample")


def _of_complete(data: MultimodalData) -> AnyArray:
    """Return principal components of the vectors of the modalities that are observed in every sample."""
    from sklearn.decomposition import PCA

    complete = [name for name, column in zip(data.names, data.availability.T, strict=True) if column.all()]
    if not complete or data.n_samples < 2:
        return np.empty((data.n_samples, 0))
    chosen = data.select(complete)
    preprocessor, vectors = VectorPreprocessor.fit(chosen)
    values = [modality.values for modality in preprocessor.transform(vectors).modalities.values()]
    table = np.hstack(values)
    return np.asarray(PCA(min(N_COMPONENTS, *table.shape), random_state=0).fit_transform(table))


def _standardised(columns: AnyArray) -> AnyArray:
    """Return the columns with mean 0 and variance 1, without constant columns."""
    columns = np.asarray(columns, dtype=np.float64)
    varying = columns[:, np.ptp(columns, axis=0) > 0]
    return np.asarray((varying - varying.mean(axis=0)) / varying.std(axis=0))
