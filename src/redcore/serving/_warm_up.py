"""Prediction of one sample at the start of the service, so that no request waits for imports."""

import contextlib
import warnings

import numpy as np

from redcore._types import AnyArray
from redcore.data import ModalitySchema
from redcore.exceptions import RedCoreError
from redcore.methods import Method
from redcore.monitoring import Monitor, Reference
from redcore.serving._samples import Sample, active_forms, format_predictions, predict_samples, samples_as_data

__all__ = ["warm_up"]


def warm_up(method: Method, reference: Reference | None) -> None:
    """Predict a sample that observes all modalities, and compare it with the training data. The results are dropped.

    An error is ignored: the model may reject the values of the sample, but not those of requests.
    """
    sample: Sample = {form.name: _any_values(form) for form in active_forms(method).values()}
    with contextlib.suppress(RedCoreError), warnings.catch_warnings(action="ignore"):
        outputs = predict_samples(method, [sample])
        format_predictions(method, [sample], outputs)
        if reference is not None:
            monitor = Monitor(method, reference)
            monitor.add(samples_as_data(method, [sample]), outputs)
            monitor.compare()


def _any_values(form: ModalitySchema) -> AnyArray:
    """Return zeros in the form of one sample, and any text in the columns of categories and text."""
    if form.text:
        as_text = {*form.text, *(form.categories or {})}
        return np.array(["text" if name in as_text else 0.0 for name in form.feature_names or ()], dtype=object)
    if form.padding is not None:
        return np.array([form.padding + 1])
    width = form.n_features or 1
    return np.zeros(form.shape or ((1, width) if form.is_sequence else width), dtype=form.dtype or np.float64)
