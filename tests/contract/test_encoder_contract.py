"""Contract of encoders: an encoder of the user's works in every network method, and is saved with it."""

import json
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from factories import ANY_DATA_METHODS, make_data, make_target, tiny
from redcore.benchmark import read_spec
from redcore.benchmark._cell import run_cell
from redcore.data import MultimodalData
from redcore.data.store import Store, write_store
from redcore.exceptions import EncoderError, ModelFileError, SettingsError, UnknownNameError
from redcore.export import export_onnx, load_model, save_model
from redcore.methods import NetworkMethod, make_method, method_class
from redcore.runs import RunOptions, fit_run

NETWORKS = [name for name in ANY_DATA_METHODS if issubclass(method_class(name), NetworkMethod)]


class Backbone(nn.Module):
    """Encoder with a width of its own, whose calls are counted."""

    calls = 0

    def __init__(self, n_features, width):
        super().__init__()
        self.linear = nn.Linear(n_features, width)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, values, lengths=None):
        Backbone.calls += 1
        return self.norm(self.linear(values if lengths is None else values.sum(dim=1)))


class MeanOverSamples(Backbone):
    """Encoder that averages over the samples instead of the time steps."""

    def forward(self, values, lengths=None):
        return self.linear(values).mean(dim=0, keepdim=True)


def unscaled(n_features, n_steps):
    """Build a module with another width than the codes."""
    return Backbone(n_features, 5)


def fitted(name, data, encoders, **changes):
    return make_method(name, settings=tiny(name, **changes), encoders=encoders).fit(data, seed=0)


def state(model, place):
    module = model.network.encoders.encoders[place]
    return {name: value.clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_backbone_of_the_user_runs_in_every_network_method(name, tmp_path):
    data, before = make_data(sequences=True), Backbone.calls
    encoders = {
        "audio": {"name": Backbone, "frozen": True, "preprocessing": "identity"},
        "text": "lstm,width=4",
        "video": unscaled,
    }
    model = fitted(name, data, encoders)
    assert Backbone.calls > before
    audio, text, video = model.network.encoders.encoders
    assert isinstance(audio, Backbone)
    assert isinstance(video, Backbone)
    assert (text.lstm.hidden_size, video.linear.out_features) == (4, 5)
    outputs = model.predict(data)
    assert np.isfinite(outputs).all()
    save_model(model, tmp_path)
    for copy in (load_model(tmp_path), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(copy.predict(data), outputs)


@pytest.mark.parametrize("name", ["zero_fill", "stacked"])
def test_frozen_encoders_and_learning_rates(name):
    torch.manual_seed(0)
    own, data = Backbone(4, 8), make_data()
    model = fitted(name, data, {"text": {"name": own, "frozen": True}, "video": {"name": "mlp", "lr": 1e-9}})
    for key, value in state(model, 1).items():
        assert torch.equal(value, own.state_dict()[key]), key
    still = fitted(name, data, {"text": own, "video": {"name": "mlp", "frozen": True}})
    torch.testing.assert_close(state(model, 2), state(still, 2), rtol=0, atol=1e-6)
    moved = fitted(name, data, {"text": own, "video": "mlp"})
    assert not torch.equal(state(moved, 1)["linear.weight"], own.linear.weight)
    assert not torch.allclose(state(moved, 2)["layers.0.0.weight"], state(still, 2)["layers.0.0.weight"], atol=1e-4)


def test_own_preprocessing_leaves_values_unchanged():
    data = make_data()
    kinds = fitted("zero_fill", data, {"text": {"name": "mlp", "preprocessing": "identity"}}).preprocessor
    scaled = kinds.transform(data)
    np.testing.assert_array_equal(scaled.modalities["text"].values, data.modalities["text"].values)
    assert not np.allclose(scaled.modalities["video"].values, data.modalities["video"].values)


def test_objects_without_a_name_must_be_passed_again(tmp_path):
    data, torch_module = make_data(), Backbone(4, 8)
    model = fitted("zero_fill", data, {"text": {"name": torch_module, "preprocessing": "identity"}})
    assert model.encoders["text"].name.endswith("test_encoder_contract:Backbone(...)")
    save_model(model, tmp_path)
    with pytest.raises(ModelFileError, match=r"'text': encoder .* was passed as an object.*encoders=\{'text': ...\}"):
        load_model(tmp_path)
    again = load_model(tmp_path, encoders={"text": Backbone(4, 8)})
    assert isinstance(again, NetworkMethod)
    assert again.encoders["text"].preprocessing == "identity"
    np.testing.assert_array_equal(again.predict(data), model.predict(data))


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("nowhere.at_all:Encoder", "modality 'text': encoder 'nowhere.at_all:Encoder' cannot be imported"),
        ("math:pi", "expected a class or function with known arguments"),
        (nn.Linear, "needs the argument 'in_features'"),
        (lambda width: width, "expected a torch module, got int"),
        (lambda n_features: nn.Linear(n_features + 1, 2), r"cannot encode two samples of zeros, values \(2, 4\) \("),
        (lambda n_features: MeanOverSamples(n_features, 4), r"expected \(2, width\), got \(1, 4\)"),
    ],
)
def test_an_encoder_that_cannot_be_built_is_named(encoder, message):
    with pytest.raises(EncoderError, match=message):
        fitted("zero_fill", make_data(), {"text": encoder})


def test_encoders_of_unknown_names_or_methods():
    with pytest.raises(SettingsError, match="unknown encoder 'lstn'; did you mean 'lstm'"):
        make_method("zero_fill", encoders={"text": "lstn"})
    with pytest.raises(SettingsError, match="'stack' trains no network"):
        make_method("stack", encoders={"text": "lstm"})
    with pytest.raises(SettingsError, match="expected a name, a module, a class or a function, got int"):
        make_method("zero_fill", encoders={"text": 3})
    with pytest.raises(UnknownNameError, match=r"unknown modality \(of encoders\) 'txt'"):
        fitted("zero_fill", make_data(), {"txt": "lstm"})


def test_a_spec_runs_one_backbone_in_every_network_method(tmp_path):
    lines = [
        'title = "One backbone"',
        "[[data]]",
        'name = "wine"',
        'modalities = ["acids", "colour"]',
        "[[protocol]]",
        'name = "bernoulli"',
        "rates = [0.3]",
    ]
    for name in NETWORKS:
        settings = tiny(name, max_epochs=1, max_steps=2, encoder_heads=2, stacking=False, n_members=1)
        encoders = f'encoders = {{ colour = {{ name = "{__name__}:Backbone", lr = 1e-3 }} }}'
        pairs = [f"{key} = {str(value).lower()}" for key, value in settings.items() if not isinstance(value, tuple)]
        lines += ["[[method]]", f'name = "{name}"', f"settings = {{ {', '.join([*pairs, encoders])} }}"]
    (tmp_path / "spec.toml").write_text("\n".join(lines))
    for cell in read_spec(str(tmp_path / "spec.toml")).cells():
        before = Backbone.calls
        record, _, _ = run_cell(cell, tmp_path)
        assert record.status == "done"
        assert Backbone.calls > before, cell.method.name


def test_the_cli_and_runs_take_encoders_by_name(cli, tmp_path):
    encoder = f"colour={__name__}:Backbone,lr=1e-3,frozen=true"
    options = ["--set", "max_epochs=1", "--set", "n_members=1", "--encoder", encoder, "--encoder", "acids=textcnn"]
    result = cli("fit", "wine", "--out", tmp_path / "run", *options)
    assert result.status == 0, result.err
    saved = json.loads((tmp_path / "run" / "settings.json").read_text())["settings"]["base_settings"]["encoders"]
    assert saved["colour"] == {
        "name": f"{__name__}:Backbone", "width": None, "frozen": True, "lr": 1e-3, "preprocessing": None,
    }  # fmt: skip
    model = load_model(tmp_path / "run")
    assert isinstance(model, NetworkMethod)
    assert isinstance(model.network.branches()[1], Backbone)
    assert RunOptions(settings={"encoders": {"colour": Backbone}}).settings["encoders"]["colour"] == {
        "name": f"{__name__}:Backbone"
    }
    with pytest.raises(ValueError, match="expected a name, or a class or function at the top level"):
        RunOptions(settings={"encoders": {"colour": Backbone(3, 8)}})
    assert "expected MODALITY=NAME" in cli("fit", "wine", "--out", tmp_path / "no", "--encoder", "lstm").err


def raw_data(n_samples=24):
    """Return images and token ids with missing entries; both depend on the class."""
    rng, codes = np.random.default_rng(0), np.resize(np.arange(3), n_samples)
    images = (rng.integers(0, 60, (n_samples, 2, 8, 9)) + 60 * codes[:, None, None, None]).astype(np.uint8)
    tokens = [rng.integers(1, 4, 1 + row % 5) + 4 * codes[row] for row in range(n_samples)]
    availability = np.random.default_rng(1).random((n_samples, 2)) > 0.2
    availability[~availability.any(axis=1)] = True
    arrays = {"photo": images, "text": tokens}
    return MultimodalData.from_arrays(
        arrays, make_target("multiclass", n_samples), availability=availability, tokens={"text": 0}
    )


@pytest.mark.parametrize("name", ANY_DATA_METHODS)
def test_every_method_reads_images_and_token_ids(name, tmp_path):
    data = raw_data()
    model = make_method(name, settings=tiny(name)).fit(data, seed=0)
    outputs = model.predict(data)
    assert np.isfinite(outputs).all()
    save_model(model, tmp_path)
    np.testing.assert_array_equal(load_model(tmp_path).predict(data), outputs)
    for only in data.names:
        rows = np.flatnonzero(data.modalities[only].availability)
        assert np.isfinite(model.predict(data.select([only]).take(rows))).all()


@pytest.mark.parametrize("name", ["zero_fill", "stack"])
def test_images_and_token_ids_are_exported(name, tmp_path):
    pytest.importorskip("onnxruntime")
    model = make_method(name, settings=tiny(name)).fit(raw_data(), seed=0)
    assert export_onnx(model, tmp_path / "model.onnx") < 1e-4


@pytest.mark.parametrize("encoder", ["strided", "lstm", Backbone])
def test_encoders_of_the_user_are_exported(encoder, tmp_path):
    pytest.importorskip("onnxruntime")
    model = fitted("zero_fill", make_data(sequences=True), {"audio": encoder})
    assert export_onnx(model, tmp_path / "model.onnx") < 1e-4


def test_stored_images_give_the_same_model(tmp_path):
    data = raw_data()
    write_store(data, tmp_path / "store")
    stored = Store(tmp_path / "store").data()
    # the order of the samples in an epoch is another one
    settings = tiny("zero_fill", batch_size=64, encoder_dropout=0.0, head_dropout=0.0)
    models = [make_method("zero_fill", settings=settings).fit(each, seed=0) for each in (data, stored)]
    np.testing.assert_allclose(models[0].predict(data), models[1].predict(stored), rtol=1e-5, atol=1e-6)


def test_an_encoder_that_reads_other_values_is_named():
    with pytest.raises(EncoderError, match="modality 'photo': encoder 'lstm' reads vectors and sequences, got images"):
        make_method("zero_fill", settings=tiny("zero_fill"), encoders={"photo": "lstm"}).fit(raw_data())
    model = make_method("zero_fill", settings=tiny("zero_fill", encoder="lstm")).fit(raw_data())
    assert isinstance(model, NetworkMethod)
    assert [type(branch).__name__ for branch in model.network.branches()] == ["CNNEncoder", "TokenEncoder"]
    assert type(model.network.branches()[1].encoder).__name__ == "LSTMEncoder"


def test_a_run_of_images_and_token_ids_profiles_them(tmp_path):
    run = fit_run(raw_data(60), tmp_path / "run", method="stack")
    assert run.metrics["pooled"]["nll"] < np.log(3)
    record = json.loads((tmp_path / "run" / "model" / "model.json").read_text())["record"]
    columns = record["reference"]["modalities"]
    assert [columns[name]["names"] for name in ("photo", "text")] == [["mean of all pixels"], ["number of time steps"]]
