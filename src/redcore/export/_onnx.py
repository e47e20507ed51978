"""Write a fitted method as one ONNX graph, and compare the predictions of both."""

import io
import json
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from redcore._files import write_atomic
from redcore._types import AnyArray
from redcore._version import __version__
from redcore.data import MultimodalData, TargetPart, risk_scores
from redcore.exceptions import EmptySampleWarning, ExportError
from redcore.export._graph import PredictionGraph
from redcore.methods import Method, ModalityForm, method_name

__all__ = ["export_onnx", "onnx_inputs"]

TOLERANCE = 1e-5
"""Largest accepted difference between graph and method, absolute for probabilities and relative for numbers."""

OPSET = 17

SAMPLES_PER_PATTERN = 4
MISSING_CELLS = 0.1
"""Share of missing cells in the random samples of the check."""
MAX_PATTERNS = 64
"""Largest number of missing patterns under which graph and method are compared."""


def export_onnx(method: Method, path: str | Path) -> float:
    """Write a fitted method as an ONNX graph.

    The graph contains the complete prediction, from preprocessing to the prior for samples without any modality. It is
    traced from `Method.prediction_module`, the module that `Method.predict` calls.

    Inputs are ``availability``, bool (n_samples, n_modalities), True = observed; ``x_<modality>``, float32 (double if
    float32 cannot distinguish the training values of a column, uint8 for images of this type, int64 for token ids); and
    ``len_<modality>``, int64 (n_samples,), for sequences. Values of missing modalities have no effect, and NaN is a
    missing cell. The numbers of samples and time steps are free. A graph contains no text: the inputs are the numbers
    that `Method.encode_text` returns in place of columns of free text. Outputs are ``probabilities`` (for regression
    ``numbers``), double (n_samples, n_outputs), and for classes ``label``, the code of the predicted class. For
    survival they are ``survival``, the probabilities of survival at the times ``times`` of the metadata, and ``risk``,
    double (n_samples,). For several targets, the names of the outputs of each begin with its name: ``age.numbers``. The
    metadata entry ``redcore`` is a JSON object with modalities, classes and versions.

    Parameters
    ----------
    method : Method
    path : str or Path
        File to write. An existing file is replaced after the graph has passed the comparison in ONNX Runtime.

    Returns
    -------
    float
        The largest difference between graph and method on random samples under every missing pattern (at most 64).

    Raises
    ------
    ExportError
        If the packages of the extra ``onnx`` are missing, the method has no ONNX form, or the predictions differ.
    """
    _required()
    method = method.with_encoded_text()
    graph = PredictionGraph(method)
    raw = _described(_exported(graph), _description(graph, method))
    difference = _difference(raw, graph, method)
    if not difference <= TOLERANCE:
        raise ExportError(f"the graph differs from the method by {difference:.2g}, more than {TOLERANCE:g}")
    write_atomic(Path(path), lambda temporary: temporary.write_bytes(raw))
    return difference


def _required() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ExportError(f"package {error.name} is absent: pip install 'redcore[onnx]'") from None


def _exported(graph: PredictionGraph) -> bytes:
    """Return the serialised graph.

    The graph is traced. The compiling exporter takes twenty times as long for an ensemble and supports fewer encoders.
    `_difference` detects sizes and branches that tracing fixed, because it uses other sizes and missing patterns.
    """
    sizes: dict[str, dict[int, str]] = {
        name: {0: "n_samples"} for name in (*graph.input_names(), *graph.output_names())
    }
    for form in graph.forms:
        if form.n_steps:
            sizes[f"x_{form.name}"][1] = f"time_{form.name}"
    stream = io.BytesIO()
    try:
        with _quiet():
            torch.onnx.export(
                graph,
                graph.example(),
                cast(Any, stream),
                dynamo=False,
                opset_version=OPSET,
                input_names=graph.input_names(),
                output_names=graph.output_names(),
                dynamic_axes=sizes,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise ExportError(f"the model has no ONNX form: {type(error).__name__}: {reason}") from error
    return stream.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the warnings of the exporter about its own code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _described(raw: bytes, description: dict[str, Any]) -> bytes:
    import onnx

    model = onnx.load_from_string(raw)
    onnx.helper.set_model_props(model, {"redcore": json.dumps(description)})
    serialised: bytes = model.SerializeToString()
    return serialised


def _description(graph: PredictionGraph, method: Method) -> dict[str, Any]:
    schema = method.schema
    return {
        "schema_version": 1,
        "redcore_version": __version__,
        "method": method_name(method),
        "modalities": [
            {**asdict(modality), "dtype": str(graph.dtypes[modality.name]).removeprefix("torch.")}
            for modality in schema.modalities
            if modality.name in method.active
        ],
        "target_kind": schema.target_kind,
        "classes": None if schema.classes is None else schema.classes.tolist(),
        **({} if schema.grid is None else {"times": schema.grid.borders.tolist()}),
        **({"targets": [_description_of_part(part) for part in schema.parts]} if schema.parts else {}),
    }


def _description_of_part(part: TargetPart) -> dict[str, Any]:
    classes = None if part.classes is None else part.classes.tolist()
    times = {} if part.grid is None else {"times": part.grid.borders.tolist()}
    return {"name": part.name, "target_kind": part.kind, "classes": classes, **times}


def onnx_inputs(data: MultimodalData, names: Sequence[str], double: Collection[str] = ()) -> dict[str, AnyArray]:
    """Return the inputs of the graph for `data`, by name.

    Parameters
    ----------
    data : MultimodalData
        Data in memory, with all the modalities that the graph reads.
    names : sequence of str
        Names of these modalities, sorted.
    double : collection of str, default ()
        Modalities whose input is double; the metadata entry of the graph lists the type of each input.
    """
    inputs = {"availability": data.select(names).availability}
    for name in names:
        observed = data.modalities[name].gather(np.arange(data.n_samples))
        dtype = np.dtype(np.float64 if name in double else np.float32)
        if data.modalities[name].is_raw:
            dtype = observed.values.dtype
        dense = np.zeros((data.n_samples, *observed.values.shape[1:]), dtype=dtype)
        dense[observed.rows] = observed.values
        inputs[f"x_{name}"] = dense
        if observed.lengths is not None:
            inputs[f"len_{name}"] = np.ones(data.n_samples, dtype=np.int64)
            inputs[f"len_{name}"][observed.rows] = observed.lengths
    return inputs


def _difference(raw: bytes, graph: PredictionGraph, method: Method) -> float:
    """Return the largest difference of the predictions on random samples; for regression, relative to their size."""
    import onnxruntime

    data = _random_data(graph, method)
    double = [name for name, dtype in graph.dtypes.items() if dtype == torch.float64]
    session = onnxruntime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    results = dict(zip(graph.output_names(), session.run(None, onnx_inputs(data, data.names, double)), strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptySampleWarning)
        expected = method.predict(data)
    if not method.schema.parts:
        return _difference_of_target(results, "", method, expected)
    return max(
        _difference_of_target(results, f"{name}.", method.of_part(name), own)
        for name, own in method.schema.by_part(expected).items()
    )


def _difference_of_target(results: Mapping[str, AnyArray], prefix: str, method: Method, expected: AnyArray) -> float:
    """Return the largest difference of the predictions of one target; `prefix` begins the names of its outputs."""
    kind = method.schema.target_kind
    name = "numbers" if kind.is_regression else "survival" if kind.is_survival else "probabilities"
    outputs = results[prefix + name]
    if kind.is_survival and not np.allclose(results[f"{prefix}risk"], risk_scores(outputs)):
        raise ExportError("the graph and the method predict different risks")
    if kind.is_classification and not np.array_equal(results[f"{prefix}label"], method.decide(outputs)):
        raise ExportError("the graph and the method predict different classes")
    scale = np.maximum(1.0, np.abs(expected)) if kind.is_regression else 1.0
    return float(np.max(np.abs(outputs - expected) / scale))


def _random_data(graph: PredictionGraph, method: Method) -> MultimodalData:
    """Return samples distributed like the training data, under all missing patterns or a random choice of them."""
    rng = np.random.default_rng(0)
    n_modalities = len(graph.forms)
    if 2**n_modalities <= MAX_PATTERNS:
        patterns = np.array(list(product([False, True], repeat=n_modalities)))
    else:
        patterns = rng.random((MAX_PATTERNS, n_modalities)) < rng.random((MAX_PATTERNS, 1))
    availability = np.repeat(patterns, SAMPLES_PER_PATTERN, axis=0)
    lengths = {form.name: rng.integers(1, 6, len(availability)) for form in graph.forms if form.n_steps}
    values = {form.name: _drawn(form, method, (len(availability), 5), rng) for form in graph.forms}
    tokens = {modality.name: modality.padding for modality in method.schema.modalities if modality.padding is not None}
    return MultimodalData.from_arrays(
        values,
        availability=availability,
        lengths=lengths,
        tokens={name: padding for name, padding in tokens.items() if name in values},
    )


def _drawn(form: ModalityForm, method: Method, shape: tuple[int, int], rng: np.random.Generator) -> AnyArray:
    name, n_features = form.name, form.n_features
    cells = method.cells[name]
    if form.n_tokens:
        return rng.integers(0, cells.n_tokens + 2, size=shape)
    if form.shape is not None:
        is_uint8 = next(m.dtype for m in method.schema.modalities if m.name == name) == "uint8"
        size = (shape[0], *form.shape)
        return rng.integers(0, 256, size=size).astype(np.uint8) if is_uint8 else rng.normal(size=size)
    numeric = np.arange(n_features) if cells.coded is None else cells.numeric.numpy()
    # of statistics over time, the deviations of the features themselves come first
    scales = method.arrays().get(f"preprocessing/scale/{name}", np.ones(n_features))
    deviation = np.zeros(n_features)
    deviation[numeric] = scales[: len(numeric)]
    deviation *= 1.0 if cells.scale is None else cells.scale.numpy()
    size = (*(shape if form.n_steps else shape[:1]), n_features)
    values: AnyArray = np.nan_to_num(cells.fill.numpy()) + deviation * rng.normal(size=size)
    if cells.coded is not None:
        sizes = (cells.last - cells.first + 1).numpy()
        values[..., cells.coded.numpy()] = rng.integers(0, sizes, size=(*values.shape[:-1], len(sizes)))
    rejected = method.settings.within_modality == "error" or bool(cells.fill.isnan().any())
    values[rng.random(values.shape) < (0.0 if rejected else MISSING_CELLS)] = np.nan
    return values
