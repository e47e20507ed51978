"""Missing cells of observed modalities."""

import warnings

import numpy as np
import pytest
import torch

from factories import tiny
from redcore.data import Modality, MultimodalData, Target, concatenate
from redcore.data.store import Store, StoreWriter, write_store
from redcore.exceptions import EmptySampleWarning, MissingCellsWarning, NonFiniteError, PrecisionWarning
from redcore.export import export_onnx, load_model, model_card, save_model
from redcore.export._onnx import onnx_inputs
from redcore.methods import make_method
from redcore.preprocessing import Cells, CellTransform

NAN = np.nan


def data_with_missing_cells(n_samples=60, share=0.2, sequences=False, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n_samples) % 2
    lab = rng.normal(size=(n_samples, 4)) + codes[:, None]
    ecg = rng.normal(size=(n_samples, 5, 3) if sequences else (n_samples, 3)) - codes.reshape(
        -1, *[1] * (1 + sequences)
    )
    for values in (lab, ecg):
        values[rng.random(values.shape) < share] = NAN
        values[rng.random(n_samples) < 0.1] = NAN
    lengths = {"ecg": rng.integers(1, 6, n_samples)} if sequences else None
    names = {"lab": ["crp", "hb", "na", "k"]}
    return MultimodalData.from_arrays(
        {"lab": lab, "ecg": ecg}, Target.from_labels(codes), lengths=lengths, feature_names=names
    )


def fitted(name="late_fusion", data=None, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_method(name, settings=tiny(name, **settings)).fit(
            data_with_missing_cells() if data is None else data
        )


def predict(method, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptySampleWarning)
        return method.predict(data)


def test_medians_indicators_and_columns_without_values():
    values = np.array([[1.0, NAN, NAN, 5.0], [2.0, 4.0, NAN, 5.0], [9.0, 6.0, NAN, 5.0]])
    transform = CellTransform.fit(Modality.from_values("lab", values))
    np.testing.assert_array_equal(transform.fill, [2, 5, 0, 5])
    assert transform.flagged.tolist() == [1]
    result = transform.convert(Modality.from_values("lab", values)).values
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [[1, 5, 0, 5, 1], [2, 4, 0, 5, 0], [9, 6, 0, 5, 0]])


def test_rare_missing_cells_get_no_indicator():
    values = np.ones((100, 2))
    values[:5, 0] = NAN
    values[10:16, 1] = NAN
    assert CellTransform.fit(Modality.from_values("lab", values)).flagged.tolist() == [1]


def test_complete_data_is_not_copied():
    modality = Modality.from_values("lab", np.random.default_rng(0).normal(size=(50, 3)))
    transform = CellTransform.fit(modality)
    assert transform.convert(modality) is modality
    assert transform.n_outputs == 3


def test_sequences_are_filled_forward_and_never_from_another_sequence():
    sequences = [np.array([[1.0, NAN], [NAN, 7.0], [NAN, NAN]]), np.array([[NAN, NAN], [3.0, 8.0]]), None]
    modality = Modality.from_values("ecg", sequences)
    transform = CellTransform.fit(modality)
    np.testing.assert_array_equal(transform.fill, [2, 7.5])
    expected = [[1, 7.5, 0, 1], [1, 7, 1, 0], [1, 7, 1, 1], [2, 7.5, 1, 1], [3, 8, 0, 0]]
    np.testing.assert_array_equal(transform.convert(modality).values, expected)


@pytest.mark.parametrize("seed", range(5))
def test_padded_sequences_are_filled_like_packed_ones(seed):
    modality = data_with_missing_cells(sequences=True, share=0.5, seed=seed).modalities["ecg"]
    transform = CellTransform.fit(modality)
    everyone = np.arange(modality.n_samples)
    part, expected = modality.gather(everyone), transform.convert(modality).gather(everyone)
    padded = transform(torch.from_numpy(part.values), torch.from_numpy(part.lengths))
    np.testing.assert_array_equal(padded, expected.values)


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("name", ["late_fusion", "mean_fill", "boosting", "zero_fill", "stacked"])
def test_methods_fill_save_and_load(name, sequences, tmp_path):
    data = data_with_missing_cells(sequences=sequences)
    with pytest.warns(MissingCellsWarning) as caught:
        method = make_method(name, settings=tiny(name)).fit(data)
    assert "modality 'lab': missing cells in 4 of 4 columns are filled (crp " in str(caught[-1].message)
    outputs = predict(method, data)
    assert np.isfinite(outputs).all()
    save_model(method, tmp_path / "model")
    np.testing.assert_array_equal(predict(load_model(tmp_path / "model"), data), outputs)
    assert "crp" in model_card(tmp_path / "model")


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("name", ["late_fusion", "zero_fill", "stacked"])
def test_onnx_graph_fills_the_same(name, sequences, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    data = data_with_missing_cells(sequences=sequences)
    method = fitted(name, data)
    assert export_onnx(method, tmp_path / "model.onnx") <= 1e-5
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    outputs = session.run(None, onnx_inputs(data, data.names))[0]
    np.testing.assert_allclose(outputs, predict(method, data), atol=1e-5)


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("policy", ["drop", "error"])
def test_onnx_graph_follows_the_policy(policy, sequences, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    data = data_with_missing_cells(share=0.05, sequences=sequences)
    clean = data_with_missing_cells(share=0.0, sequences=sequences)
    method = fitted(data=data if policy == "drop" else clean, within_modality=policy)
    assert export_onnx(method, tmp_path / "model.onnx") <= 1e-5
    if policy == "drop":
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
        outputs = session.run(None, onnx_inputs(data, data.names))[0]
        np.testing.assert_allclose(outputs, predict(method, data), atol=1e-5)


def test_prediction_fills_with_training_medians():
    data = data_with_missing_cells(share=0.0)
    method = fitted(data=data)
    lab = data.modalities["lab"].gather(np.arange(60))
    row = lab.values[:1].copy()
    row[0, 2] = np.median(lab.values[:, 2])
    holed = row.copy()
    holed[0, 2] = NAN
    expected, outputs = (method.predict(MultimodalData.from_arrays({"lab": values})) for values in (row, holed))
    np.testing.assert_allclose(outputs, expected)


def test_incomplete_rows_can_be_dropped():
    data = data_with_missing_cells()
    method = fitted(data=data, within_modality="drop")
    complete = data.hide({name: ~modality.incomplete() for name, modality in data.modalities.items()})
    np.testing.assert_array_equal(predict(method, data), predict(fitted(data=complete), complete))
    assert not method.missing_cells


def test_missing_cells_can_be_errors():
    data = data_with_missing_cells()
    with pytest.raises(NonFiniteError, match=r"modality 'ecg': missing cells in \d+ sample\(s\), first: "):
        make_method("late_fusion", settings={"within_modality": "error"}).fit(data)
    clean = data_with_missing_cells(share=0.0)
    method = make_method("late_fusion", settings={"within_modality": "error"}).fit(clean)
    with pytest.raises(NonFiniteError, match="first: "):
        method.predict(data)


def test_nearly_empty_column_takes_nothing_away():
    # the case of a laboratory value that is measured in 5% of the samples
    rng = np.random.default_rng(0)
    codes = np.arange(200) % 2
    lab = rng.normal(size=(200, 4))
    lab[:, 0] += 3 * codes
    lab[rng.random(200) < 0.95, 3] = NAN
    data = MultimodalData.from_arrays({"lab": lab}, Target.from_labels(codes))
    assert (fitted(data=data).predict(data).argmax(axis=1) == codes).mean() > 0.9


@pytest.mark.parametrize("sequences", [False, True])
def test_stores_keep_missing_cells(sequences, tmp_path):
    data = data_with_missing_cells(sequences=sequences)
    write_store(data, tmp_path / "store")
    store = Store(tmp_path / "store")
    read, stored = store.read(), store.data()
    for name, modality in data.modalities.items():
        np.testing.assert_array_equal(read.modalities[name].values, modality.values)
        np.testing.assert_array_equal(stored.modalities[name].incomplete(), modality.incomplete())
        assert store.card.modalities[name].missing_cells == np.isnan(modality.values).sum()
    cells = Cells.fit(stored)
    for name, modality in cells.transform(stored).modalities.items():
        np.testing.assert_array_equal(modality.values, Cells.fit(data).transform(data).modalities[name].values)
        assert modality.n_features == modality.values.shape[1]
    np.testing.assert_allclose(predict(fitted(data=stored), stored), predict(fitted(data=data), data))


def test_missing_cells_survive_concatenation_and_selection():
    data = data_with_missing_cells()
    both = concatenate([data, data.take(np.arange(10))])
    np.testing.assert_array_equal(both.modalities["lab"].incomplete()[60:], data.modalities["lab"].incomplete()[:10])


def test_warm_start_keeps_the_fills():
    data = data_with_missing_cells()
    first = fitted("zero_fill", data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        second = make_method("zero_fill", settings=tiny("zero_fill")).fit(data.take(np.arange(40)), start=first)
    assert second.cells is first.cells


COARSE = {
    "seconds since 1970": (1.7e9, 10.0),
    "milliseconds since 1970": (1.7e12, 1000.0),
    "below the smallest float32": (0.0, 1e-46),
}


def coarse_data(offset, scale, n_samples=200, sequences=False):
    rng = np.random.default_rng(1)
    codes = np.arange(n_samples) % 2
    values = offset + scale * (rng.normal(size=(n_samples, 1)) + 3 * codes[:, None])
    if sequences:
        values = np.repeat(values[:, None], 3, axis=1)
    values = np.concatenate([values, rng.normal(size=values.shape)], axis=-1)
    return MultimodalData.from_arrays({"a": values}, Target.from_labels(codes))


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("name", ["late_fusion", "boosting", "zero_fill"])
@pytest.mark.parametrize("case", COARSE)
def test_values_that_float32_cannot_distinguish(case, name, sequences, tmp_path):
    data = coarse_data(*COARSE[case], sequences=sequences)
    assert data.modalities["a"].values.dtype == np.float64
    method = fitted(name, data, max_epochs=30)
    outputs = method.predict(data)
    assert (outputs.argmax(axis=1) == data.target.values).mean() > 0.85
    # a few samples show no spread, but must not be rounded either
    few = MultimodalData.from_arrays({"a": data.modalities["a"].gather(np.arange(3)).values})
    np.testing.assert_allclose(method.predict(few), outputs[:3], atol=1e-6)
    write_store(data, tmp_path / "store")
    np.testing.assert_allclose(method.predict(Store(tmp_path / "store").data()), outputs, atol=1e-6)


@pytest.mark.parametrize("sequences", [False, True])
def test_onnx_graph_reads_double_where_necessary(sequences, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    data = coarse_data(1.7e12, 1000.0, sequences=sequences)
    method = fitted(data=data)
    export_onnx(method, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    outputs = session.run(None, onnx_inputs(data, ["a"], double=["a"]))[0]
    np.testing.assert_allclose(outputs, method.predict(data), atol=1e-5)


def test_ordinary_float64_data_is_stored_as_float32():
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=(100, 3)), 1000 + rng.normal(size=(100, 3)), rng.integers(0, 10**6, (100, 3))):
        assert MultimodalData.from_arrays({"a": values}).modalities["a"].values.dtype == np.float32


def test_store_warns_of_a_chunk_that_needs_a_finer_type(tmp_path):
    values, names = 1.7e9 + np.arange(30.0)[:, None], {"a": ["time"]}
    second = MultimodalData.from_arrays({"a": values}, feature_names=names, sample_ids=range(30, 60))
    with StoreWriter(tmp_path / "store") as writer:
        writer.append(MultimodalData.from_arrays({"a": np.ones((30, 1))}, feature_names=names))
        with pytest.warns(PrecisionWarning, match="modality 'a': float32.*time"):
            writer.append(second)
