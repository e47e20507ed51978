"""Synthetic benchmark records for tests of statistics and reports."""

import json
from itertools import combinations

import numpy as np

from redcore.benchmark import Record, Spec

MODALITIES = ("audio", "text", "video")


def make_spec(data=("d0", "d1"), methods=("m0", "m1", "m2"), n_seeds=3, rates=((0.5,), (0.2, 0.5, 0.8))):
    names = ["redcore", "prior", "late_fusion", "zero_fill"]
    return Spec.checked(
        {
            "title": "a benchmark",
            "data": [{"name": f"file{place}.npz", "label": label} for place, label in enumerate(data)],
            "protocol": [{"name": "shared" if len(own) == 1 else "imbalanced", "rates": own} for own in rates],
            "method": [{"name": names[place % 4], "label": label} for place, label in enumerate(methods)],
            "n_seeds": n_seeds,
        }
    )


def make_records(spec, *, modalities=MODALITIES, n_points=0, fail=lambda cell: False, seed=0):
    """Return one record per cell. Scores are random, and later methods have lower scores on average."""
    rng = np.random.default_rng(seed)
    labels = [method.title() for method in spec.method]
    return [
        failed(cell) if fail(cell) else finished(cell, rng, labels.index(cell.method.title()), modalities, n_points)
        for cell in spec.cells()
    ]


def failed(cell):
    return Record(key=cell.key(), cell=cell, status="failed", error="DataError: labels are <b>missing</b>")


def finished(cell, rng, place, modalities, n_points):
    sizes = range(1, len(modalities) + 1)
    patterns = ["+".join(chosen) for size in sizes for chosen in combinations(modalities, size)]
    per_pattern = {pattern: scores(rng, 0.5 + 0.1 * pattern.count("+") - 0.03 * place) for pattern in patterns}
    return Record(
        key=cell.key(),
        cell=cell,
        status="done",
        n_samples={"train": 80, "test": 20},
        data_checksum="0f",
        missing_rates={"train": dict.fromkeys(modalities, float(np.mean(cell.protocol.rates)))},
        metrics={"per_pattern": per_pattern, "pooled": scores(rng, 0.6), "as_observed": scores(rng, 0.7)},
        history=history(rng, modalities, n_points),
        epochs={"epoch": [0, 1], "validation_loss": [1.0, 0.5]} if n_points else {},
        n_parameters=1000 * (place + 1),
        seconds={"fit": 1.5 + place, "predict": 0.1},
        peak_bytes=10**8,
        settings={"learning_rate": 0.01, "note": "</script>"},
        versions={"redcore": "0.1.0"},
    )


def scores(rng, level):
    value = float(np.clip(level + 0.02 * rng.standard_normal(), 0, 1))
    return {
        "n_samples": 20,
        "macro_f1": value,
        "argmax_macro_f1": value - 0.001,
        "accuracy": value + 0.01,
        "nll": 1 - value,
        "ece": 0.05,
    }


def history(rng, modalities, n_points):
    if not n_points:
        return {}
    kinds = ("supervision_weight", "relative_advantage")
    columns = {f"{kind}/{name}": rng.random(n_points).round(4).tolist() for kind in kinds for name in modalities}
    return {"step": [7 * place for place in range(n_points)], "loss": rng.random(n_points).tolist(), **columns}


def write_folder(folder, spec, records):
    """Write the records to `folder` in the layout of ``redcore bench run`` and return the folder."""
    (folder / "records").mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(spec.dump()))
    for record in records:
        (folder / "records" / f"{record.key}.json").write_text(json.dumps(record.dump()))
    return folder
