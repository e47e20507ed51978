"""Permutation importance of the features within each modality."""

import warnings
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from redcore._progress import tracked
from redcore._types import AnyArray, IntArray
from redcore._validation import check_known
from redcore.data import Modality, MultimodalData
from redcore.exceptions import DataWarning, UndefinedScoreError
from redcore.explain._inputs import check_inputs
from redcore.methods import Method
from redcore.metrics import SamplePredictions, headline, influence, is_lower_better, scores

__all__ = ["FeatureImportance", "FeatureImportances", "Importance", "feature_importance"]

NORMAL_QUANTILE = 1.96
"""97.5% quantile of the standard normal distribution."""

COLUMNS_AT_ONCE = 1024
"""Number of columns per chunk of the preselection, which bounds memory."""


@dataclass(frozen=True)
class Importance:
    """Loss of score if features are permuted.

    Attributes
    ----------
    value : float
        Score minus the score with permuted values, mean over repeats. Scores for which lower is better are negated, so
        that a positive value always means that the model needs the features.
    low, high : float
        95% interval.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class FeatureImportance(Importance):
    """Importance of one feature.

    Attributes
    ----------
    feature : str
        Name of the feature in the data, or ``feature <position>`` for features without names.
    """

    feature: str


@dataclass(frozen=True)
class FeatureImportances:
    """Importance of the features of one modality.

    Attributes
    ----------
    modality : str
    metric : str
        Name of the score.
    score : float
        Score on the evaluated samples without permutation.
    n_samples : int
        Number of evaluated samples, all of which observe the modality.
    n_features : int
        Number of features of the modality.
    together : Importance
        Importance of all features, permuted together.
    features : tuple of FeatureImportance
        Features that were permuted one by one, the most important ones first.
    rest : Importance or None
        Importance of the other features, permuted together; None if every feature was permuted.
    n_rest : int
        Number of these other features.
    interval_of : {"samples", "repeats"}
        Variation that the intervals include: that of samples (or groups) and of repeats, or of repeats only, for scores
        without an influence function (see `redcore.metrics.influence`).
    """

    modality: str
    metric: str
    score: float
    n_samples: int
    n_features: int
    together: Importance
    features: tuple[FeatureImportance, ...]
    rest: Importance | None
    n_rest: int
    interval_of: str

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes as a dict for JSON."""
        return asdict(self)


def feature_importance(
    method: Method,
    data: MultimodalData,
    metric: str | None = None,
    *,
    max_features: int = 50,
    n_repeats: int = 5,
    max_samples: int = 1000,
    seed: int = 0,
) -> list[FeatureImportances]:
    """Return the permutation importance of the features of each modality.

    The values of a feature are permuted between the samples that observe its modality (Breiman, 2001); all other values
    stay. In sequences, the course of a feature is taken from another sample and stretched to the length of the sample.
    Each modality is evaluated on the samples that observe it, with all of their observed modalities.

    Permutation breaks the dependence between features. If two features have the same information, the importance of
    each is small, and their joint importance (`FeatureImportances.together`) is not.

    Parameters
    ----------
    method : Method
        Fitted method.
    data : MultimodalData
        Samples with a target, not seen in training.
    metric : str, optional
        Score of `redcore.metrics`. Default: log loss for classes, macro-F1 for multilabel targets, R2 for regression.
        The log loss also changes if no predicted class does, so that its intervals are narrower than those of macro-F1.
    max_features : int, default 50
        Maximum number of features per modality that are permuted one by one. If there are more, those with the largest
        absolute correlation with an output of the model (correlation ratio for categories) are selected, and the others
        are permuted together.
    n_repeats : int, default 5
        Number of random permutations per feature.
    max_samples : int, default 1000
        Maximum number of evaluated samples per modality. If there are more, a random subset is used.
    seed : int

    Returns
    -------
    list of FeatureImportances
        One entry per modality. Modalities that fewer than two samples observe are left out, and so are, with a
        `DataWarning`, modalities on whose samples the metric is not defined.

    Raises
    ------
    UnknownNameError
        If the metric is unknown.

    Examples
    --------
    >>> from redcore import load_dataset, make_method
    >>> data = load_dataset("wine")
    >>> method = make_method("late_fusion").fit(data)
    >>> [result.modality for result in feature_importance(method, data, n_repeats=2)] == list(data.names)
    True
    """
    check_inputs(method, data)
    data = method.completed(method.schema.align(data))
    kind = method.schema.target_kind
    metric = metric or ("nll" if kind.is_classification else headline(kind))
    results = []
    for number, (name, modality) in enumerate(data.modalities.items()):
        rng = np.random.default_rng([seed, number])
        rows = np.sort(rng.permutation(np.flatnonzero(modality.availability))[:max_samples])
        if len(rows) >= 2:
            permuter = _Permuter(method, data.take(rows).loaded(), name, metric, n_repeats, rng)
            try:
                results.append(permuter.importances(max_features))
            except UndefinedScoreError as error:
                warnings.warn(f"features of {name} are left out: {error}", DataWarning, stacklevel=2)
    return results


@dataclass(frozen=True, eq=False)
class _Permuter:
    """Permutation of features of one modality, which all samples of the data observe."""

    method: Method
    data: MultimodalData
    name: str
    metric: str
    n_repeats: int
    rng: np.random.Generator

    def importances(self, max_features: int) -> FeatureImportances:
        """Return the importance of the features, at most `max_features` of them one by one."""
        n_features = self.modality.n_features
        chosen = np.arange(n_features) if n_features <= max_features else self._preselected(max_features)
        single = [
            FeatureImportance(**asdict(self._importance(np.array([column]))), feature=self._feature_name(column))
            for column in tracked(chosen.tolist(), f"permuting features of {self.name}")
        ]
        rest = np.setdiff1d(np.arange(n_features), chosen)
        return FeatureImportances(
            modality=self.name,
            metric=self.metric,
            score=self._score(self.outputs),
            n_samples=self.data.n_samples,
            n_features=n_features,
            together=self._importance(np.arange(n_features)),
            features=tuple(sorted(single, key=lambda one: -one.value)),
            rest=self._importance(rest) if rest.size else None,
            n_rest=len(rest),
            interval_of="repeats" if self._influence(self.outputs) is None else "samples",
        )

    @property
    def modality(self) -> Modality:
        """Modality whose features are permuted."""
        return self.data.modalities[self.name]

    @cached_property
    def outputs(self) -> AnyArray:
        """Predictions without permutation."""
        return self.method.predict(self.data)

    def _importance(self, columns: IntArray) -> Importance:
        """Return the importance of features that are permuted together."""
        from scipy.stats import t

        sign, baseline = -1 if is_lower_better(self.metric) else 1, self._score(self.outputs)
        losses, influences = [], []
        for _ in range(self.n_repeats):
            outputs = self.method.predict(self._permuted(columns))
            losses.append(sign * (baseline - self._score(outputs)))
            influences.append(self._influence(outputs))
        variance = np.var(losses, ddof=1) / len(losses) if len(losses) > 1 else 0.0
        quantile = float(t.ppf(0.975, self.n_repeats - 1)) if self.n_repeats > 1 else np.inf
        known = [one for one in influences if one is not None]
        if (own := self._influence(self.outputs)) is not None and len(known) == len(losses):
            groups = np.arange(self.data.n_samples) if self.data.groups is None else self.data.groups
            units = np.unique(groups, return_inverse=True)[1]
            variance += np.square(np.bincount(units, own - np.mean(known, axis=0))).sum()
            quantile = NORMAL_QUANTILE
        value, half = float(np.mean(losses)), quantile * float(np.sqrt(variance))
        return Importance(value, value - half, value + half)

    def _permuted(self, columns: IntArray) -> MultimodalData:
        """Return the data with the values of some features taken from other samples, the same for all of them."""
        donors, modality = self.rng.permutation(self.data.n_samples), self.modality
        source = donors
        if modality.offsets is not None:
            lengths = np.diff(modality.offsets)
            steps = np.arange(len(modality.values)) - np.repeat(modality.offsets[:-1], lengths)
            of_donor = np.repeat(donors, lengths)
            source = modality.offsets[of_donor] + steps * lengths[of_donor] // np.repeat(lengths, lengths)
        values = modality.values.copy()
        values[:, columns] = modality.values[source[:, None], columns]
        return replace(self.data, modalities={**self.data.modalities, self.name: replace(modality, values=values)})

    def _score(self, outputs: AnyArray) -> float:
        assert self.data.target is not None
        all_scores = scores(self.data.target, outputs, self.method.decide)
        check_known("metric", [self.metric], all_scores)
        value = all_scores[self.metric]
        if value is None:
            raise UndefinedScoreError(
                f"{self.metric} is not defined on the {self.data.n_samples} samples that observe {self.name}; evaluate "
                "more samples, or another metric, such as nll"
            )
        return value

    def _influence(self, outputs: AnyArray) -> AnyArray | None:
        assert self.data.target is not None
        samples = SamplePredictions.from_outputs(self.data.target, outputs, self.method.decide)
        return None if samples is None else influence(self.metric, samples)

    def _feature_name(self, column: int) -> str:
        names = {one.name: one.feature_names for one in self.method.schema.modalities}[self.name]
        names = names or self.data.feature_names.get(self.name)
        return f"feature {column}" if names is None else names[column]

    def _preselected(self, n_features: int) -> IntArray:
        """Return the positions of the features that are most strongly associated with an output of the model."""
        values, offsets = self.modality.values, self.modality.offsets
        names = self.data.feature_names.get(self.name, ())
        strength = np.zeros(self.modality.n_features)
        for start in range(0, len(strength), COLUMNS_AT_ONCE):
            chunk = _without_missing_cells(values[:, start : start + COLUMNS_AT_ONCE].astype(np.float64))
            if offsets is not None:
                chunk = np.add.reduceat(chunk, offsets[:-1]) / np.diff(offsets)[:, None]
            strength[start : start + chunk.shape[1]] = _correlation(chunk, self.outputs)
        for feature in self.data.categories.get(self.name, {}):
            column = names.index(feature)
            if offsets is None:
                strength[column] = _correlation_ratio(values[:, column], self.outputs)
        return np.sort(np.argsort(-strength, kind="stable")[:n_features])


def _without_missing_cells(values: AnyArray) -> AnyArray:
    """Return columns with the mean of the known values in the place of missing cells."""
    known = ~np.isnan(values)
    means = np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0).clip(min=1)
    return np.where(known, values, means)


def _correlation(values: AnyArray, outputs: AnyArray) -> AnyArray:
    """Return the largest absolute correlation of each column of `values` with a column of `outputs`."""
    centred, of_outputs = values - values.mean(axis=0), outputs - outputs.mean(axis=0)
    scale = np.outer(np.linalg.norm(centred, axis=0), np.linalg.norm(of_outputs, axis=0))
    covariance = np.abs(centred.T @ of_outputs)
    return np.asarray(np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0).max(axis=1))


def _correlation_ratio(codes: AnyArray, outputs: AnyArray) -> float:
    """Return the largest correlation ratio (eta) of the columns of `outputs` with categories."""
    _, category = np.unique(codes, return_inverse=True)
    deviations = outputs - outputs.mean(axis=0)
    sums = np.stack([np.bincount(category, column) for column in deviations.T], axis=1)
    between, total = (sums**2 / np.bincount(category)[:, None]).sum(axis=0), (deviations**2).sum(axis=0)
    return float(np.sqrt(np.divide(between, total, out=np.zeros_like(total), where=total > 0)).max())
