"""Drift of the samples of the service: field of the answers, and metrics by modality, pattern and class."""

import numpy as np

from factories import make_data
from redcore.monitoring import make_reference
from redcore.serving import make_app
from serving_client import talk


def samples_of(data, shift=0.0, keep=("audio", "text", "video")):
    values = {name: data.modalities[name] for name in keep}
    samples = []
    for row in range(data.n_samples):
        observed = {name: modality.gather(np.array([row])) for name, modality in values.items()}
        samples.append(
            {
                name: (shift + part.values[0][: None if part.lengths is None else part.lengths[0]]).tolist()
                for name, part in observed.items()
                if len(part.rows)
            }
        )
    return samples


def test_answers_and_metrics_show_drift(model):
    train = make_data("multiclass", 60, sequences=True)
    app = make_app(model, reference=make_reference(model, train))
    same, shifted = samples_of(train), samples_of(train, 50.0, ("text",))

    async def conversation(client):
        first = [(await client.post("/predict", json={"samples": same})).json() for _ in range(2)]
        later = [(await client.post("/predict", json={"samples": shifted})).json() for _ in range(20)]
        return first, later, (await client.get("/metrics")).text

    first, later, metrics = talk(app, conversation)
    assert [answer["drift"] for answer in first] == [[], []]
    assert any("modality 'text': the distribution differs" in line for line in later[-1]["drift"])
    assert any("modality 'audio' is missing in 100% of" in line for line in later[-1]["drift"])
    n_text = sum("text" in sample for sample in shifted)
    missing = 2 * sum("audio" not in sample for sample in same) + 20 * 60
    assert f'redcore_modality_missing_total{{modality="audio"}} {missing}.0' in metrics
    assert 'redcore_pattern_samples_total{pattern="text"} ' in metrics or n_text == 0
    counts = [
        float(line.split()[-1]) for line in metrics.splitlines() if line.startswith("redcore_predicted_class_total")
    ]
    assert sum(counts) == 22 * 60
    watch = app.state.service.drift
    assert watch.previous.counts.n_samples + watch.current.counts.n_samples <= 1100


def test_without_a_profile_answers_have_no_drift(ask):
    assert "drift" not in ask("POST", "/predict", json={"samples": [{}]}).json()
