"""Prediction of one sample before the service accepts requests."""

import numpy as np
import pandas as pd

from redcore import make_method
from redcore.data import MultimodalData, Target
from redcore.monitoring import Monitor, make_reference
from redcore.serving._warm_up import warm_up


def test_one_sample_with_all_modalities_is_predicted_and_compared(monkeypatch):
    rng = np.random.default_rng(0)
    table = {"ward": ["a", "b"] * 30, "age": np.arange(60.0)}
    data = MultimodalData.from_arrays(
        {
            "photo": rng.integers(0, 256, (60, 1, 4, 4)).astype(np.uint8),
            "report": pd.DataFrame({**table, "note": ["well", "very ill"] * 30}),
            "rhythm": [rng.normal(size=(4, 2)) for _ in range(60)],
            "table": pd.DataFrame(table),
            "words": [rng.integers(1, 9, size=3) for _ in range(60)],
        },
        Target.from_labels(np.arange(60) % 3),
        tokens={"words": 0},
        text={"report": ["note"]},
    )
    method = make_method("late_fusion").fit(data)
    reference = make_reference(method, data, data, dict.fromkeys(data.names, 0.0))
    predicted, compared = [], []
    predict, compare = method.predict, Monitor.compare

    def recorded(samples):
        predicted.append(samples)
        return predict(samples)

    monkeypatch.setattr(method, "predict", recorded)
    monkeypatch.setattr(Monitor, "compare", lambda self: compared.append(compare(self)))
    warm_up(method, reference)
    [sample] = predicted
    assert sample.names == data.names
    assert sample.availability.all()
    assert [one.n_new for one in compared] == [1]
