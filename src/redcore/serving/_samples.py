"""Request and response models, generated from the schema of a fitted method, and conversion from and to arrays."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, create_model

from redcore._types import AnyArray
from redcore.data import MixedColumns, Modality, ModalitySchema, MultimodalData, Schema, mixed_columns, risk_scores
from redcore.exceptions import DataError, shortened
from redcore.methods import Method
from redcore.serving._limits import Limits
from redcore.serving._named import MAX_NAMES, by_name_or_position

__all__ = [
    "Sample",
    "active_forms",
    "check_unique_keys",
    "format_predictions",
    "parse_samples",
    "predict_data",
    "predict_samples",
    "prediction_model",
    "request_model",
    "samples_as_data",
    "validation_messages",
]

Sample = dict[str, AnyArray]
"""Values of one sample: array per observed modality that the model uses.

Its shape is (n_features,), (n_steps, n_features), (channels, height, width) for images or (n_steps,) for token ids.

In a modality with free text, the array contains objects: numbers, texts, categories as text, and None.
"""

LARGEST = 3e38
"""Largest magnitude of an input value. Values are stored as float32."""

RAW_DESCRIPTIONS = {"text": "the text itself"}
RAW_FILE = "the content of a file in base64"
"""Descriptions of raw inputs by medium, and of those of all other media."""

MAX_PROBLEMS = 10
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]

Interval = Annotated[
    Annotated[list[float], Field(min_length=2, max_length=2)] | None,
    Field(description="Lower and upper bound; null if too few samples were available for calibration."),
]

TimeInterval = Annotated[
    tuple[float, float | None] | None,
    Field(
        description="Conformal interval of the time: lower and upper bound. The upper bound is null beyond the horizon "
        "of the training data, and the interval is null if too few samples were available for calibration."
    ),
]


def request_model(schema: Schema, limits: Limits, media: Mapping[str, str] | None = None) -> type[BaseModel]:
    """Return the pydantic model of a request body, ``{"samples": [{"audio": [...], ...}, ...]}``.

    A missing modality is absent or null, and a missing cell is null. Categories and free text are strings. A vector or
    time step whose features have names may also be an object, ``{"age": 62, "sex": "f"}``. A modality in `media` can
    also be a string: a raw input.
    """
    fields: dict[str, Any] = {}
    for index, modality in enumerate(schema.modalities):
        # n_features is 0 if the modality was never observed in training: any length is accepted
        if modality.shape is not None or modality.padding is not None:
            fields[f"modality_{index}"] = _raw_field(modality, limits)
            continue
        as_text = {*(modality.categories or {}), *(modality.text or ())}
        values: Any = _vector(modality, as_text)
        description = f"{modality.n_features} {'numbers, categories or texts' if as_text else 'numbers'}"
        if modality.feature_names is not None:
            description += f" ({', '.join(modality.feature_names)})"
        if modality.is_sequence:
            values = Annotated[list[values], Field(min_length=1, max_length=limits.max_steps)]
            description = f"time steps of {description} each"
        if media is not None and modality.name in media:
            values = Annotated[Annotated[values, Tag("features")] | Annotated[str, Tag("raw")], Discriminator(_form)]
            description += f", or {RAW_DESCRIPTIONS.get(media[modality.name], RAW_FILE)}"
        # the name of a modality is only an alias because it may not be a valid Python identifier
        fields[f"modality_{index}"] = (
            values | None,
            Field(default=None, alias=modality.name, description=f"{description}; absent or null if missing"),
        )
    sample = create_model("Sample", __config__=STRICT, **fields)
    samples = Annotated[list[sample], Field(min_length=1, max_length=limits.max_samples)]
    return create_model("Samples", __config__=STRICT, samples=(samples, ...))


def _form(values: Any) -> str:
    return "raw" if isinstance(values, str) else "features"


def _vector(modality: ModalitySchema, as_text: set[str]) -> Any:
    """Return the type of one vector or time step: a list, or also an object if the features have names."""
    width = modality.n_features or None
    if modality.feature_names is None or width is None:
        return Annotated[list[Number | None], Field(min_length=width, max_length=width)]
    kinds = [str | None if name in as_text else Number | None for name in modality.feature_names]
    values: Any = Annotated[list[Number | None], Field(min_length=width, max_length=width)]
    if as_text:
        values = tuple[tuple(kinds)]  # type: ignore[misc]
    return by_name_or_position(values, modality.feature_names, kinds, tuple if as_text else list)


def _raw_field(modality: ModalitySchema, limits: Limits) -> tuple[Any, Any]:
    """Return type and field of a modality of images or token ids."""
    values: Any
    if modality.shape is None:
        token = Annotated[int, Field(ge=0, le=2**31 - 1)]
        values = Annotated[list[token], Field(min_length=1, max_length=limits.max_steps)]
        description = "token ids"
    else:
        values = Annotated[int, Field(ge=0, le=255)] if modality.dtype == "uint8" else Number
        for size in reversed(modality.shape):
            values = Annotated[list[values], Field(min_length=size, max_length=size)]
        description = f"pixels of {modality.form}, channels first"
    field = Field(default=None, alias=modality.name, description=f"{description}; absent or null if missing")
    return values | None, field


def prediction_model(schema: Schema, intervals: bool, drift: bool = False) -> type[BaseModel]:
    """Return the pydantic model of a response body: one prediction per sample, in the order of the request.

    Parameters
    ----------
    schema : Schema
        Schema of the fitted method.
    intervals : bool
        If True, the response includes prediction intervals.
    drift : bool
        If True, the response includes the differences of the latest samples from the training data.
    """
    observed = Field(description="Modalities used for the prediction; empty if the prediction is the prior.")
    prediction = create_model("Prediction", observed=(list[str], observed), **_target_fields(schema, intervals))
    lines = Field(description="Differences of the latest 500 to 1,000 samples from the training data.")
    extra: dict[str, Any] = {"drift": (list[str], lines)} if drift else {}
    return create_model("Predictions", predictions=(list[prediction], ...), **extra)


def _target_fields(schema: Schema, intervals: bool) -> dict[str, Any]:
    """Return the fields of a prediction: those of a single target, or ``targets`` with one object per target."""
    if schema.target_kind.is_mixed:
        parts: dict[str, Any] = {}
        for index, name in enumerate(schema.part_names):
            model = create_model(f"Target{index}", **_target_fields(schema.of_part(name), False))
            parts[f"target_{index}"] = (model, Field(alias=name))
        return {"targets": (create_model("Targets", **parts), Field(description="Prediction of each target."))}
    fields: dict[str, Any] = {}
    if schema.target_kind.is_survival:
        fields["risk"] = (float, Field(description="Sum of the cumulative hazards at the times of /model."))
        fields["median"] = (float | None, Field(description="Median time; null if the curve stays above one half."))
        fields["survival"] = (list[float], Field(description="Probabilities of survival at the times of /model."))
        if intervals:
            fields["interval"] = (TimeInterval, ...)
    elif schema.classes is None:
        several = schema.n_outputs > 1
        fields["numbers" if several else "number"] = (list[float] if several else float, ...)
        if intervals:
            fields["intervals" if several else "interval"] = (list[Interval] if several else Interval, ...)
    else:
        label: Any = type(schema.classes.tolist()[0])
        multilabel = schema.target_kind.is_multilabel
        fields["labels" if multilabel else "label"] = (list[label] if multilabel else label, ...)
        fields["probabilities"] = (dict[str, float], Field(description="Probability of each label."))
    return fields


def active_forms(method: Method) -> dict[str, ModalitySchema]:
    """Return the modalities that the model uses, by their attribute in a request."""
    return {
        f"modality_{index}": modality
        for index, modality in enumerate(method.schema.modalities)
        if modality.name in method.active
    }


def parse_samples(
    request: BaseModel, method: Method, converted: Mapping[tuple[int, str], AnyArray] | None = None
) -> list[Sample]:
    """Convert a validated request to arrays of the observed modalities. Modalities unused by the model are dropped.

    Categories become codes of the training data; unknown ones get the code "unknown". A modality without any value is
    missing. Raw inputs are replaced by their features, `converted`, by number of the sample and name of the modality.
    """
    forms, converted = active_forms(method), converted or {}
    samples = []
    for number, sample in enumerate(request.samples):  # type: ignore[attr-defined]
        arrays = {
            form.name: _array(form, converted.get((number, form.name), values))
            for key, form in forms.items()
            if (values := getattr(sample, key)) is not None
        }
        samples.append({name: array for name, array in arrays.items() if not _is_missing(array)})
    return samples


def _is_missing(array: AnyArray) -> bool:
    """Return True if no cell of a modality has a value."""
    if array.dtype.kind == "O":
        return all(cell is None or cell == "" for cell in array.tolist())
    return bool(np.isnan(array).all())


def _array(form: ModalitySchema, values: Any) -> AnyArray:
    if form.text:
        return np.array(values, dtype=object)
    if form.categories:
        values = [_coded(form, step) for step in values] if form.is_sequence else _coded(form, values)
    if form.padding is not None:
        return np.asarray(values, dtype=np.int64)
    return np.asarray(values, dtype=form.dtype or np.float64)


def _coded(form: ModalitySchema, cells: Sequence[Any]) -> list[Any]:
    """Return the cells of one vector or time step with codes in place of categories."""
    known = {name: {own: code for code, own in enumerate(names)} for name, names in (form.categories or {}).items()}
    names = form.feature_names or ()
    return [
        known[name].get(cell, len(known[name])) if isinstance(cell, str) else cell
        for name, cell in zip(names, cells, strict=True)
    ]


def check_unique_keys(raw: bytes, request: BaseModel) -> None:
    """Check that no object in a valid JSON body has a key twice; parsers would silently use the last value.

    Parameters
    ----------
    raw : bytes
    request : BaseModel
        The body after validation by `request_model`.

    Raises
    ------
    DataError
        If a key is repeated. The message names the first one.
    """

    def check(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) < len(pairs):
            repeated, count = next(item for item in Counter(key for key, _ in pairs).items() if item[1] > 1)
            raise DataError(f"the key {repeated[:100]!r} occurs {count} times in one object")

    # every pair of key and value has a colon; objects in place of vectors have further ones
    samples: list[BaseModel] = request.samples  # type: ignore[attr-defined]
    if raw.count(b":") == 1 + sum(len(sample.model_fields_set) for sample in samples):
        return
    # Python limits the digits of integers, but not those of floats
    json.loads(raw, object_pairs_hook=check, parse_int=float)


def validation_messages(error: ValidationError, schema: Schema) -> list[str]:
    """Return one message per invalid field, at most `MAX_PROBLEMS`, without the values of the request."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_PROBLEMS]
    return [
        f"{_place(problem['loc'], schema)}: "
        + (_unknown_key(problem["loc"], schema) if problem["type"] == "extra_forbidden" else problem["msg"])
        for problem in problems
    ]


def _unknown_key(keys: Sequence[int | str], schema: Schema) -> str:
    """Explain a key of a body or a sample that the model does not have."""
    if len(keys) < 3:
        return "unknown key; expected 'samples'"
    owners = [form.name for form in schema.modalities if keys[2] in (form.feature_names or ())]
    if owners:
        return f"a feature of modality {owners[0]!r}; expected it inside of an object of this modality"
    return f"unknown modality; the model has {shortened([form.name for form in schema.modalities], MAX_NAMES)}"


def _place(keys: Sequence[int | str], schema: Schema) -> str:
    """Return the location of an invalid value, such as "samples.0.blood.2 (sodium)"."""
    place = ".".join(str(key) for key in keys) or "body"
    # samples, row, modality, time step of a sequence, feature
    forms = [form for form in schema.modalities if len(keys) == 4 + form.is_sequence and form.name == keys[2]]
    names = forms[0].feature_names if forms else None
    if names is None or not isinstance(keys[-1], int) or keys[-1] >= len(names):
        return place
    return f"{place} ({names[keys[-1]]})"


def predict_samples(method: Method, samples: list[Sample]) -> AnyArray:
    """Return the outputs of the method, (n_samples, n_outputs). Samples without an observed modality get the prior."""
    return predict_data(method, samples_as_data(method, samples))


def predict_data(method: Method, data: MultimodalData) -> AnyArray:
    """Return the outputs of the method as `predict_samples` does, for the result of `samples_as_data`."""
    observed = data.availability.any(axis=1)
    if observed.all():
        return method.predict(data)
    outputs = np.tile(np.asarray(method.prior, dtype=np.float64), (data.n_samples, 1))
    if observed.any():
        outputs[observed] = method.predict(data.take(np.flatnonzero(observed)))
    return outputs


def samples_as_data(method: Method, samples: list[Sample]) -> MultimodalData:
    """Return samples as a data set with the modalities that any of them observes."""
    if not any(samples):
        nothing = Modality.nothing(len(samples))
        return MultimodalData({method.active[0]: nothing}, None, None, np.arange(len(samples)), None)
    observed = {name for sample in samples for name in sample}
    values: dict[str, Any] = {name: [sample.get(name) for sample in samples] for name in observed}
    paddings = {form.name: form.padding for form in method.schema.modalities if form.padding is not None}
    tokens = {name: padding for name, padding in paddings.items() if name in observed}
    of_text = {form.name: form for form in method.schema.modalities if form.text and form.name in observed}
    mixed = {name: _mixed(form, values[name]) for name, form in of_text.items()}
    return MultimodalData.from_arrays({**values, **mixed}, tokens=tokens)


def _mixed(form: ModalitySchema, samples: Sequence[AnyArray | None]) -> MixedColumns:
    """Return the columns of a modality with free text; None is a missing modality."""
    names = form.feature_names or ()
    rows = [[None] * len(names) if sample is None else sample.tolist() for sample in samples]
    columns = {name: [row[column] for row in rows] for column, name in enumerate(names)}
    return mixed_columns(f"modality {form.name!r}", columns, (*(form.text or ()), *(form.categories or ())))


def format_predictions(method: Method, samples: list[Sample], outputs: AnyArray) -> list[dict[str, Any]]:
    """Return one dict per sample in the form of `prediction_model`, without intervals."""
    if method.schema.target_kind.is_mixed:
        views = {name: method.of_part(name) for name in method.schema.part_names}
        columns = [
            [_prediction(views[name].schema, row, code) for row, code in _rows(views[name], own)]
            for name, own in method.schema.by_part(outputs).items()
        ]
        return [
            {"observed": sorted(sample), "targets": dict(zip(views, row, strict=True))}
            for sample, row in zip(samples, zip(*columns, strict=True), strict=True)
        ]
    return [
        {"observed": sorted(sample), **_prediction(method.schema, row, code)}
        for sample, (row, code) in zip(samples, _rows(method, outputs), strict=True)
    ]


def _rows(method: Method, outputs: AnyArray) -> Iterator[tuple[list[float], int]]:
    """Yield the outputs and the predicted class of each sample."""
    return zip(outputs.tolist(), method.decide(outputs).tolist(), strict=True)


def _prediction(schema: Schema, row: list[float], code: int) -> dict[str, Any]:
    if schema.grid is not None:
        curve = np.array([row])
        median = float(schema.grid.quantile(curve, 0.5)[0])
        return {
            "risk": float(risk_scores(curve)[0]),
            "median": median if np.isfinite(median) else None,
            "survival": row,
        }
    if schema.classes is None:
        return {"number": row[0]} if schema.n_outputs == 1 else {"numbers": row}
    labels = schema.classes.tolist()
    probabilities = {str(label): value for label, value in zip(labels, row, strict=True)}
    if schema.target_kind.is_multilabel:
        predicted = [label for label, value in zip(labels, row, strict=True) if value >= 0.5]
        return {"labels": predicted, "probabilities": probabilities}
    return {"label": labels[code], "probabilities": probabilities}
