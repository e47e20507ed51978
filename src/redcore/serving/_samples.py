"""What the service takes and gives, as pydantic models made from a fitted model's own schema."""

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from redcore._types import AnyArray
from redcore.data import MultimodalData, Schema
from redcore.methods import Method
from redcore.serving._limits import Limits

__all__ = ["Sample", "answer_model", "answers_of", "predict_samples", "problems_of", "request_model", "samples_of"]

Sample = dict[str, AnyArray]
"""Values of the modalities that one sample observes, those of them that the model uses."""

LARGEST = 3e38
"""Numbers are kept as float32."""

MOST_PROBLEMS = 10
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]

Interval = Annotated[
    Annotated[list[float], Field(min_length=2, max_length=2)] | None,
    Field(description="Lower and upper end; null where too few samples were there to calibrate it."),
]


def request_model(schema: Schema, limits: Limits) -> type[BaseModel]:
    """Return the model of a request: ``{"samples": [{"audio": [...], ...}, ...]}``, any modality absent or null."""
    fields: dict[str, Any] = {}
    for index, modality in enumerate(schema.modalities):
        # nobody ever observed it: its width is unknown
        width = modality.n_features or None
        kind: Any = Annotated[list[Number], Field(min_length=width, max_length=width)]
        what = f"{modality.n_features} numbers"
        if modality.is_sequence:
            kind = Annotated[list[kind], Field(min_length=1, max_length=limits.max_steps)]
            what = f"time steps of {what} each"
        # a name of a modality need not be a name of Python
        fields[f"modality_{index}"] = (
            kind | None,
            Field(default=None, alias=modality.name, description=f"{what}; absent or null where it is missing"),
        )
    sample = create_model("Sample", __config__=STRICT, **fields)
    samples = Annotated[list[sample], Field(min_length=1, max_length=limits.max_samples)]
    return create_model("Samples", __config__=STRICT, samples=(samples, ...))


def answer_model(schema: Schema, intervals: bool) -> type[BaseModel]:
    """Return the model of an answer: one prediction per sample, in their order."""
    used = Field(description="The modalities that the prediction was made from; empty where it is the prior.")
    fields: dict[str, Any] = {"observed": (list[str], used)}
    if schema.classes is None:
        many = schema.n_outputs > 1
        fields["numbers" if many else "number"] = (list[float] if many else float, ...)
        if intervals:
            fields["intervals" if many else "interval"] = (list[Interval] if many else Interval, ...)
    else:
        label: Any = type(schema.classes.tolist()[0])
        multilabel = schema.target_kind.is_multilabel
        fields["labels" if multilabel else "label"] = (list[label] if multilabel else label, ...)
        fields["probabilities"] = (dict[str, float], Field(description="By label."))
    prediction = create_model("Prediction", **fields)
    return create_model("Predictions", predictions=(list[prediction], ...))


def samples_of(request: BaseModel, method: Method) -> list[Sample]:
    """Return what the samples of a checked request observe."""
    keys = {f"modality_{index}": name for index, name in enumerate(method.schema.names) if name in method.active}
    return [
        {
            name: np.asarray(values, dtype=np.float32)
            for key, name in keys.items()
            if (values := getattr(sample, key)) is not None
        }
        for sample in request.samples  # type: ignore[attr-defined]
    ]


def problems_of(error: ValidationError) -> list[str]:
    """Say where a request is wrong, without what it holds."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)[:MOST_PROBLEMS]
    return [f"{'.'.join(str(part) for part in one['loc']) or 'body'}: {one['msg']}" for one in problems]


def predict_samples(method: Method, samples: list[Sample]) -> AnyArray:
    """Predict samples, (n_samples, n_outputs); those that observe nothing get the prior."""
    outputs = np.tile(np.asarray(method.prior, dtype=np.float64), (len(samples), 1))
    rows = [row for row, sample in enumerate(samples) if sample]
    if rows:
        there = {name for row in rows for name in samples[row]}
        lists: dict[str, Any] = {name: [samples[row].get(name) for row in rows] for name in there}
        outputs[rows] = method.predict(MultimodalData.from_arrays(lists))
    return outputs


def answers_of(method: Method, samples: list[Sample], outputs: AnyArray) -> list[dict[str, Any]]:
    """Return the predictions as the answer holds them."""
    return [
        {"observed": sorted(sample), **_prediction(method.schema, row, code)}
        for sample, row, code in zip(samples, outputs.tolist(), method.decide(outputs).tolist(), strict=True)
    ]


def _prediction(schema: Schema, row: list[float], code: int) -> dict[str, Any]:
    if schema.classes is None:
        return {"number": row[0]} if schema.n_outputs == 1 else {"numbers": row}
    labels = schema.classes.tolist()
    probabilities = {str(label): value for label, value in zip(labels, row, strict=True)}
    if schema.target_kind.is_multilabel:
        chosen = [label for label, value in zip(labels, row, strict=True) if value >= 0.5]
        return {"labels": chosen, "probabilities": probabilities}
    return {"label": labels[code], "probabilities": probabilities}
