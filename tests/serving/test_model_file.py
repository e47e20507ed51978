import hashlib
import io
import json
import pickle
import shutil
import warnings

import numpy as np
import pytest
import safetensors.numpy
import torch

from factories import ANY_DATA_METHODS, tiny
from redcore import RedCoreClassifier, load_estimator, load_model, make_method, save_model
from redcore.data import MultimodalData, Target
from redcore.estimators import MethodRegressor
from redcore.exceptions import ModelFileError
from redcore.export import model_card, read_model_content
from redcore.methods import NetworkMethod
from redcore.nn.encoders import EncoderSpec, build_encoder

KINDS = ["binary", "multiclass", "multilabel", "regression", "two numbers"]
LABELS = {
    "strings": np.array(["joy", "Ärger", "a much longer label"]),
    "integers": np.array([-3, 5, 1_000_000_000_000]),
    "small integers": np.array([0, 1, 200], dtype=np.uint8),
    "booleans": np.array([False, True]),
}


def target_of(kind, codes):
    noise = np.random.default_rng(1).normal(size=(len(codes), 2))
    return {
        "binary": lambda: Target.from_labels(np.array(["no", "yes"])[codes % 2]),
        "multiclass": lambda: Target.from_labels(codes),
        "multilabel": lambda: Target.from_multilabel(np.eye(3, dtype=int)[codes], ["a", "b", "c"]),
        "regression": lambda: Target.from_numbers(codes + noise[:, 0]),
        "two numbers": lambda: Target.from_numbers(codes[:, None] + noise),
    }[kind]()


def make_data(target=None, n_samples=48):
    """Return vectors and sequences with missing modalities."""
    rng, codes = np.random.default_rng(0), np.arange(n_samples) % 3
    observed = np.stack([np.arange(n_samples) % 4 > 0, np.arange(n_samples) % 5 > 0], axis=1)
    clip = rng.normal(size=(n_samples, 4, 2)) + codes[:, None, None]
    modalities = {"audio": rng.normal(size=(n_samples, 3)) - codes[:, None], "clip": clip}
    lengths = {"clip": 1 + np.arange(n_samples) % 4}
    return MultimodalData.from_arrays(
        modalities, target, availability=observed | ~observed.any(1, keepdims=True), lengths=lengths
    )


def fitted(method="late_fusion", target=None):
    settings = tiny(method, validation_fraction=0)
    data = make_data(target_of("multiclass", np.arange(48) % 3) if target is None else target)
    return make_method(method, settings=settings).fit(data)


def rewrite(folder, change):
    """Change the content of ``model.json`` and recompute its checksum."""
    path = folder / "model.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    body = {key: value for key, value in content.items() if key != "sha256"}
    if "sha256" in content:
        content["sha256"] = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


@pytest.fixture(scope="module", params=["late_fusion", "zero_fill"])
def saved(request, tmp_path_factory):
    """Return a model folder shared by the module; do not modify it."""
    folder = tmp_path_factory.mktemp("model")
    save_model(fitted(request.param), folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """Return a copy of the model folder that a test may corrupt."""
    return shutil.copytree(saved, tmp_path / "model")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ANY_DATA_METHODS)
def test_a_loaded_model_equals_the_saved_model(tmp_path, method, kind):
    model = fitted(method, target_of(kind, np.arange(48) % 3))
    save_model(model, tmp_path / "deep" / "model")
    loaded = load_model(tmp_path / "deep" / "model")
    assert type(loaded) is type(model)
    assert loaded.settings == model.settings
    assert loaded.active == model.active
    assert loaded.schema.modalities == model.schema.modalities
    assert (loaded.schema.target_kind, loaded.schema.n_outputs) == (model.schema.target_kind, model.schema.n_outputs)
    for name, array in model.arrays().items():
        assert loaded.arrays()[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.arrays()[name], array)
    unseen = make_data(n_samples=31)
    np.testing.assert_array_equal(loaded.predict(unseen), model.predict(unseen))
    if isinstance(model, NetworkMethod):
        np.testing.assert_array_equal(loaded.transform(unseen), model.transform(unseen))


def test_saving_a_loaded_model_writes_the_same_bytes(saved, tmp_path):
    save_model(load_model(saved), tmp_path)
    for file in ("model.json", "model.safetensors"):
        assert (tmp_path / file).read_bytes() == (saved / file).read_bytes()


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_class_labels_keep_values_and_type(tmp_path, labels):
    model = fitted(target=Target.from_labels(labels[np.arange(48) % len(labels)]))
    save_model(model, tmp_path)
    classes = load_model(tmp_path).schema.classes
    assert classes.dtype == model.schema.classes.dtype
    assert classes.tolist() == sorted(labels.tolist())


def test_an_older_model_is_replaced(tmp_path):
    save_model(fitted("zero_fill"), tmp_path)
    save_model(fitted("late_fusion"), tmp_path)
    assert type(load_model(tmp_path)).__name__ == "LateFusion"
    assert {path.name for path in tmp_path.iterdir()} == {"model.json", "model.safetensors"}


def test_a_modality_never_observed_and_the_prior_survive(tmp_path):
    data = make_data(Target.from_labels(np.arange(48) % 3)).hide({"clip": np.zeros(48, dtype=bool)})
    observed = data.take(np.flatnonzero(data.availability.any(axis=1)))
    with pytest.warns(UserWarning, match="never observed in training"):
        model = make_method("late_fusion").fit(observed)
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.active == ("audio",)
    np.testing.assert_array_equal(loaded.prior, model.prior)
    np.testing.assert_array_equal(loaded.predict(observed), model.predict(observed))


@pytest.mark.parametrize("kind", ["binary", "multilabel", "regression"])
def test_a_loaded_estimator_is_fitted(tmp_path, kind):
    target = target_of(kind, np.arange(48) % 3)
    model = fitted("redcore", target)
    save_model(model, tmp_path)
    estimator = load_estimator(tmp_path)
    assert type(estimator).__name__ == ("RedCoreRegressor" if kind == "regression" else "RedCoreClassifier")
    data = make_data()
    if kind == "regression":
        np.testing.assert_array_equal(estimator.predict(data), model.predict(data)[:, 0])
    else:
        np.testing.assert_array_equal(estimator.predict_proba(data), model.predict(data))
        assert estimator.classes_.tolist() == target.classes.tolist()


def test_a_saved_estimator_equals_its_method(tmp_path):
    data = make_data(Target.from_labels(np.arange(48) % 3))
    estimator = RedCoreClassifier(settings={"max_epochs": 1, "latent_dim": 8}, random_state=0).fit(data)
    save_model(estimator, tmp_path)
    np.testing.assert_array_equal(load_estimator(tmp_path).predict_proba(data), estimator.predict_proba(data))
    assert load_estimator(tmp_path).supervision_weights_ == estimator.supervision_weights_


def test_custom_encoders_are_passed_to_load_estimator(tmp_path):
    torch.manual_seed(0)
    data = make_data(Target.from_labels(np.arange(48) % 3))
    encoders = {"audio": build_encoder("mlp", 3, False, EncoderSpec(8, 1, 4, 2, 0.0, 0.0, True))}
    estimator = RedCoreClassifier(settings={"max_epochs": 1, "latent_dim": 8}, encoders=encoders, random_state=0)
    save_model(estimator.fit(data), tmp_path)
    loaded = load_estimator(tmp_path, encoders=encoders)
    np.testing.assert_array_equal(loaded.predict_proba(data), estimator.predict_proba(data))


def test_a_model_loads_from_its_run_folder(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "run" / "model")
    assert load_model(tmp_path / "run").arrays().keys() == load_model(saved).arrays().keys()


def test_loading_uses_no_pickle_and_no_random_numbers(saved, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("called while loading a model")

    for name in ("load", "loads", "Unpickler", "_Unpickler", "_load", "_loads"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    np.random.seed(5)  # noqa: NPY002 - the test checks that the global state is unchanged
    torch.manual_seed(5)
    before, state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    load_model(saved).predict(make_data())
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("bit", [1, 32, 128])
def test_every_changed_byte_of_the_json_is_detected(folder, bit):
    path = folder / "model.json"
    raw = bytearray(path.read_bytes())
    for position in range(len(raw)):
        raw[position] ^= bit
        path.write_bytes(raw)
        raw[position] ^= bit
        with pytest.raises(ModelFileError):
            load_model(folder)


def test_changed_bytes_of_the_tensors_are_detected(folder):
    path = folder / "model.safetensors"
    raw = bytearray(path.read_bytes())
    for position in [*range(0, 200), *range(0, len(raw), 97), len(raw) - 1]:
        raw[position] ^= 1
        path.write_bytes(raw)
        raw[position] ^= 1
        with pytest.raises(ModelFileError, match=r"model\.safetensors: truncated or changed"):
            load_model(folder)


@pytest.mark.parametrize("file", ["model.json", "model.safetensors"])
@pytest.mark.parametrize("change", [
    lambda raw: b"", lambda raw: raw[:-1], lambda raw: raw[: len(raw) // 2], lambda raw: raw + b"\n",
    lambda raw: raw[::-1], lambda raw: pickle.dumps({"schema_version": 1}), lambda raw: b"null", lambda raw: b"\xff",
])  # fmt: skip
def test_truncated_and_unrecognised_files(folder, file, change):
    path = folder / file
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ModelFileError, match=file):
        load_model(folder)


@pytest.mark.parametrize("file", ["model.json", "model.safetensors"])
def test_files_that_do_not_exist(folder, file):
    (folder / file).unlink()
    with pytest.raises(ModelFileError, match=file):
        load_model(folder)
    with pytest.raises(ModelFileError):
        load_estimator(folder / "nosuch")


@pytest.mark.parametrize("version", [0, 1, 3, "2", None, 2.5, True])
def test_other_schema_versions(folder, version):
    rewrite(folder, lambda content: content.update(schema_version=version))
    with pytest.raises(ModelFileError, match=f"schema version {version}, expected 2"):
        load_model(folder)


@pytest.mark.parametrize(
    "key",
    [
        "schema_version",
        "redcore_version",
        "method",
        "settings",
        "schema",
        "info",
        "versions",
        "record",
        "tensors_sha256",
        "sha256",
    ],
)
def test_missing_keys(folder, key):
    rewrite(folder, lambda content: content.pop(key))
    with pytest.raises(ModelFileError, match=key):
        load_model(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(method="nosuch"),
        lambda content: content.update(method="../secret"),
        lambda content: content["settings"].update(nosuch=1),
        lambda content: content["settings"].update(keep_empty_samples="perhaps"),
        lambda content: content["schema"].pop("classes"),
        lambda content: content["schema"].update(modalities=[["audio"]]),
        lambda content: content["info"].pop("active"),
        lambda content: content.update(info=None),
        lambda content: content.update(settings=None),
    ],
)
def test_invalid_content_is_rejected(folder, change):
    rewrite(folder, change)
    with pytest.raises(ModelFileError, match="does not fit this version"):
        load_model(folder)


def test_a_failed_save_leaves_the_older_model_unchanged(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    model = load_model(folder)
    monkeypatch.setattr(type(model), "info", lambda self: {"stream": io.BytesIO()})
    with pytest.raises(TypeError):
        save_model(model, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.fixture
def single(tmp_path):
    """Return a single-file model that a test may corrupt."""
    save_model(fitted("late_fusion"), tmp_path / "model.safetensors", record={"data": "some"})
    return tmp_path / "model.safetensors"


def test_a_single_file_round_trip(single, tmp_path):
    model = load_model(single)
    np.testing.assert_array_equal(model.predict(make_data(n_samples=31)), fitted().predict(make_data(n_samples=31)))
    save_model(model, tmp_path / "again.safetensors", record={"data": "some"})
    assert (tmp_path / "again.safetensors").read_bytes() == single.read_bytes()
    assert read_model_content(single)["record"] == {"data": "some"}


@pytest.mark.parametrize("bit", [1, 32])
def test_every_changed_byte_of_a_single_file_is_detected(single, bit):
    raw = bytearray(single.read_bytes())
    for position in range(len(raw)):
        raw[position] ^= bit
        single.write_bytes(raw)
        raw[position] ^= bit
        with pytest.raises(ModelFileError, match=r"model\.safetensors"):
            load_model(single)


def test_a_truncated_or_unrecognised_single_file_is_rejected(single):
    raw = single.read_bytes()
    for other in (b"", raw[:100], raw[:-1], raw + b"\0", pickle.dumps({}), safetensors.numpy.save({"x": np.zeros(1)})):
        single.write_bytes(other)
        with pytest.raises(ModelFileError, match=r"model\.safetensors"):
            load_model(single)


def test_an_estimator_keeps_its_calibration(tmp_path):
    data = make_data(target_of("regression", np.arange(48) % 3))
    estimator = MethodRegressor("late_fusion").fit(data.take(np.arange(24)))
    estimator.calibrate(data.take(np.arange(24, 48)))
    save_model(estimator, tmp_path / "model.safetensors")
    loaded = load_estimator(tmp_path / "model.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(loaded.predict_interval(data), estimator.predict_interval(data))


def test_model_card_reports_scores_and_limitations(tmp_path):
    record = {
        "data": "clips.npz",
        "n_samples": {"train": 40, "test": 8},
        "missing_rates": {"train": {"audio": 0.25, "clip": 0.9}, "test": {"audio": 0.0, "clip": 0.5}},
        "metrics": {
            "per_pattern": {"audio": {"accuracy": 0.5, "n_samples": 8}},
            "pooled": {"accuracy": 0.625, "n_samples": 16},
            "as_observed": {"accuracy": None, "n_samples": 8},
        },
    }
    save_model(fitted("late_fusion"), tmp_path, record=record)
    card = model_card(tmp_path)
    assert "| train | 40 | 0.250 | 0.900 |" in card
    assert "| audio | 0.500 | 8 |" in card
    assert "| as observed | - | 8 |" in card
    assert "Observed in at most a fifth of the training samples: clip." in card
    save_model(fitted("late_fusion"), tmp_path)
    assert "This model file has no scores." in model_card(tmp_path)
