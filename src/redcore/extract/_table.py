"""Features of all recordings of an extraction, in the cache: selection of valid files, fitting and reading."""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from redcore._types import AnyArray
from redcore.data import Modality, MultimodalData
from redcore.exceptions import DataError, DataWarning, RunError
from redcore.extract._cache import Cache
from redcore.extract._extractor import Features
from redcore.extract._plan import ModalityPlan
from redcore.extract._worker import Form, Outcome, extractor_of

__all__ = ["FeatureTable", "same_form"]

CHUNK_BYTES = 2**25
"""Size of the features that are in memory while a store is written."""
SHOWN_NAMES = 5


def same_form(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes of one modality, with an error for files whose features differ in form from most files.

    Sequences may differ in length, but not in the number or names of their features.
    """
    counts = Counter(outcome.form for outcome in outcomes if outcome.form is not None)
    if not counts:
        return list(outcomes)
    common = counts.most_common(1)[0][0]
    error = f"has {{}}, expected {_described(common)} as in most files"
    return [
        outcome
        if outcome.form in (None, common)
        else replace(outcome, form=None, error=error.format(_described(outcome.form)))
        for outcome in outcomes
    ]


def _described(form: Form) -> str:
    _, n_features, names = form
    if names is None:
        return f"{n_features} features"
    return f"{n_features} features ({', '.join(names[:SHOWN_NAMES])}{', ...' if n_features > SHOWN_NAMES else ''})"


@dataclass(eq=False)
class FeatureTable:
    """Features of all modalities by sample id.

    Attributes
    ----------
    cache : Cache
    plans : dict of str to (ModalityPlan, str)
        Plan of each modality, and its key in the cache.
    outcomes : dict of str to dict of str to Outcome
        Outcomes without an error, by modality and sample id. A modality has at least one, and all have the same form.
    fitted : dict of str to dict of str to array
        Fitted arrays by modality; see `fit`.
    """

    cache: Cache
    plans: dict[str, tuple[ModalityPlan, str]]
    outcomes: dict[str, dict[str, Outcome]]
    fitted: dict[str, dict[str, AnyArray]] = field(default_factory=dict)

    def fit(self, samples: MultimodalData) -> dict[str, dict[str, Any]]:
        """Fit the extractors that need it to the training split, or to all samples if there is no split.

        Returns
        -------
        dict of str to dict
            Split and number of the recordings, by modality.

        Warns
        -----
        DataWarning
            If there is no split, so that the test samples will be among the samples of the fit.

        Raises
        ------
        DataError
            If no training sample has the modality.
        """
        facts = {}
        for name, (plan, _) in self.plans.items():
            extractor = extractor_of(plan)
            if not extractor.needs_fit:
                continue
            is_train = np.ones(samples.n_samples, dtype=bool) if samples.split is None else samples.split == 0
            ids = [key for key in samples.sample_ids[is_train].tolist() if key in self.outcomes[name]]
            if not ids:
                raise DataError(f"modality {name!r}: no sample of the training split has a {plan.medium} file")
            if samples.split is None:
                text = (
                    f"{plan.extractor} is fitted to all {len(ids)} recordings, without labels, since no split is given"
                )
                warnings.warn(DataWarning(f"modality {name!r}: {text}"), stacklevel=3)
            self.fitted[name] = extractor.fit(self._item(name, key) for key in ids)
            facts[name] = {"split": "all" if samples.split is None else "train", "n_recordings": len(ids)}
        return facts

    def form(self, name: str) -> tuple[bool, int, tuple[str, ...] | None]:
        """Return the form of a modality: True for sequences, the number of features, and their names."""
        first = self._features(name, next(iter(self.outcomes[name])))
        names = first.names or extractor_of(self.plans[name][0]).fitted_names(self.fitted.get(name, {}))
        return first.values.ndim == 2, first.values.shape[-1], names

    def _item(self, name: str, sample_id: str) -> Features:
        outcome = self.outcomes[name][sample_id]
        item = self.cache.get(self.plans[name][1], outcome.sha256)
        if item is None:
            raise RunError(f"{self.cache.folder}: the features of {outcome.task.file} are damaged; run it again")
        return item

    def _features(self, name: str, sample_id: str) -> Features:
        return extractor_of(self.plans[name][0]).finish(self.fitted.get(name, {}), self._item(name, sample_id))

    def chunks(self, samples: MultimodalData) -> Iterator[MultimodalData]:
        """Yield the samples in order, with the features as modalities, in chunks of bounded size.

        Parameters
        ----------
        samples : MultimodalData
            Ids, target, groups and split of all samples. Its modalities are not used.
        """
        forms = {name: self.form(name) for name in self.plans}
        start, n_bytes = 0, 0
        values: dict[str, list[AnyArray | None]] = {name: [] for name in self.plans}
        for row, sample_id in enumerate(samples.sample_ids.tolist(), start=1):
            for name, column in values.items():
                column.append(self._features(name, sample_id).values if sample_id in self.outcomes[name] else None)
                n_bytes += 0 if column[-1] is None else column[-1].nbytes
            if n_bytes > CHUNK_BYTES or row == samples.n_samples:
                modalities = {name: _modality(name, column, forms[name]) for name, column in values.items()}
                names = {name: form[2] for name, form in forms.items() if form[2] is not None}
                yield replace(samples.take(np.arange(start, row)), modalities=modalities, feature_names=names)
                start, n_bytes, values = row, 0, {name: [] for name in self.plans}


def _modality(name: str, column: Sequence[AnyArray | None], form: tuple[bool, int, tuple[str, ...] | None]) -> Modality:
    if any(values is not None for values in column):
        return Modality.from_values(name, list(column))
    # the chunk has the form of the other chunks, although the modality is missing in all its samples
    is_sequence, n_features, _ = form
    nothing = np.full(len(column), -1)
    empty = np.empty((0, n_features), dtype=np.float32)
    return Modality(empty, nothing, np.zeros(1, dtype=np.int64) if is_sequence else None)
