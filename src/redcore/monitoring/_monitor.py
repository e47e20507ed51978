"""Monitor of the data that a model predicts, and the reference profile of its training data."""

import warnings
from collections.abc import Mapping

import numpy as np

from redcore._types import AnyArray
from redcore.data import MultimodalData, Schema
from redcore.exceptions import RedCoreWarning
from redcore.methods import Method
from redcore.monitoring._columns import Columns, column_values
from redcore.monitoring._comparison import Comparison, compare
from redcore.monitoring._counts import Counts
from redcore.monitoring._reference import OUTPUTS, Reference, class_counts, column_names, pattern_counts

__all__ = ["Monitor", "make_reference"]

MAX_SAMPLES, MAX_CELLS = 10_000, 2**23
"""Numbers of samples and of values per modality from which the profile of its features is computed."""

MAX_PATTERNS = 1000
"""Number of missing patterns that a profile lists."""


class Monitor:
    """Counts of the samples that a model has predicted.

    Parameters
    ----------
    method : Method
        Fitted.
    reference : Reference
        Profile of its training data.
    """

    def __init__(self, method: Method, reference: Reference) -> None:
        self.method, self.reference = method, reference
        self.counts = reference.empty_counts()

    def add(self, data: MultimodalData, outputs: AnyArray) -> Counts:
        """Add samples in memory that conform to the schema of the method, and return their counts.

        Parameters
        ----------
        data : MultimodalData
        outputs : array (n_samples, n_outputs)
            Predictions of the method for these samples.
        """
        counts = self.reference.count(data, outputs, predicted_classes(self.method, outputs))
        self.counts += counts
        return counts

    def compare(self) -> Comparison:
        """Compare the samples that were added with the training data."""
        return compare(self.reference, self.counts, self.method.schema)


def predicted_classes(method: Method, outputs: AnyArray) -> AnyArray | None:
    """Return predicted class codes, or predicted labels of a multi-label target; None in regression and survival."""
    kind = method.schema.target_kind
    if kind.is_multilabel:
        return np.asarray(outputs >= 0.5)
    return method.decide(outputs) if kind.is_classification else None


def make_reference(
    method: Method,
    train: MultimodalData,
    held_out: MultimodalData | None = None,
    trained_rates: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Reference:
    """Return the profile of the training data of a method.

    Its size is bounded: at most 46 numbers per feature, and 1000 missing patterns.

    Parameters
    ----------
    method : Method
        Fitted.
    train : MultimodalData
        Training samples as they were read, before a missing protocol hides modalities.
    held_out : MultimodalData, optional
        Samples whose predictions are the expected ones. Default: at most 10,000 training samples.
    trained_rates : mapping of str to float, optional
        Missing rates of the training samples after a missing protocol. Default: those of `train`.
    seed : int
        Seed of the selection of samples, for data with more than 10,000 samples or 8 million values per modality.
    """
    train = method.schema.conform(train)
    rng = np.random.default_rng(seed)
    names = [name for name in method.active if name in train.names]
    samples = {name: _sample_values(train, name, rng) for name in names}
    modalities = {
        name: Columns.fit(values, column_names(method.schema, name), _n_categories(method.schema, name))
        for name, values in samples.items()
    }
    by_pattern = dict(list(pattern_counts(train).items())[:MAX_PATTERNS])
    rest = train.n_samples - sum(by_pattern.values())
    with warnings.catch_warnings():
        # the fit and the scores of the run have shown the warnings about these samples
        warnings.simplefilter("ignore", RedCoreWarning)
        predicted = _subsample(train if held_out is None else method.schema.conform(held_out), rng)
        outputs = method.predict(predicted)
    output_columns = None
    if method.schema.classes is None:
        n_outputs = method.schema.n_outputs
        output_names = (OUTPUTS,) if n_outputs == 1 else tuple(f"{OUTPUTS}_{index}" for index in range(n_outputs))
        output_columns = Columns.fit(outputs, output_names, {})
    classes = predicted_classes(method, outputs)
    counts = Counts(
        train.n_samples,
        {name: train.modalities[name].n_observed for name in names},
        np.array([*by_pattern.values(), rest]),
        {name: modalities[name].count(values) for name, values in samples.items()},
        len(outputs),
        None if classes is None else class_counts(classes, method.schema.n_outputs),
        None if output_columns is None else output_columns.count(outputs),
        None if train.groups is None else set(train.groups.tolist()),
    )
    rates = dict(train.missing_rates if trained_rates is None else trained_rates)
    is_multilabel = method.schema.target_kind.is_multilabel
    return Reference(modalities, tuple(by_pattern), is_multilabel, output_columns, counts, rates)


def _n_categories(schema: Schema, name: str) -> dict[int, int]:
    modality = next(modality for modality in schema.modalities if modality.name == name)
    features = list(modality.feature_names or ())
    return {features.index(feature): len(own) for feature, own in (modality.categories or {}).items()}


def _sample_values(data: MultimodalData, name: str, rng: np.random.Generator) -> AnyArray:
    """Return the values of a modality of at most `MAX_SAMPLES` samples and about `MAX_CELLS` values."""
    modality = data.modalities[name]
    rows = np.flatnonzero(modality.availability)
    size = min(MAX_SAMPLES, max(1, MAX_CELLS // max(1, modality.n_features)))
    if len(rows) > size:
        rows = np.sort(rng.permutation(rows)[:size])
    return column_values(data.select([name]).take(rows).loaded(), name)


def _subsample(data: MultimodalData, rng: np.random.Generator) -> MultimodalData:
    if data.n_samples <= MAX_SAMPLES:
        return data
    return data.take(np.sort(rng.permutation(data.n_samples)[:MAX_SAMPLES]))
