"""Members that train in lockstep: the results are those of separate fits up to rounding."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from factories import TARGETS, make_data, make_target, tiny
from redcore.balancing.fixed import Fixed
from redcore.data import MultimodalData, several_targets
from redcore.exceptions import DivergenceError, RunError, TrainingInterrupted
from redcore.fitting import Callback, Lockstep
from redcore.methods import make_method, stacked
from redcore.methods import redcore as redcore_method
from redcore.methods.redcore import RedCore, RedCoreNetwork
from redcore.nn.encoders.mlp import MLPEncoder

DATA = make_data("multiclass", 41)
"""41 samples in three folds of seven: the members have 35 or 36 training samples, and their last batches differ."""


def sparse_data(n_samples: int = 60) -> MultimodalData:
    """Return data in which many batches have no sample of one of the modalities."""
    rng = np.random.default_rng(1)
    arrays = {name: rng.normal(size=(n_samples, size)) for name, size in (("rare", 5), ("often", 3), ("usual", 4))}
    availability = rng.random((n_samples, 3)) < [0.9, 0.06, 0.9]  # often, rare, usual
    availability[~availability.any(axis=1), 0] = True
    return MultimodalData.from_arrays(arrays, make_target("multiclass", n_samples), availability=availability)


def fit(data=DATA, checkpoint=None, callbacks=(), validation=None, unlabelled=None, start=None, **changes):
    model = make_method(
        "stacked", settings=tiny("stacked", **{"max_epochs": 4, "n_members": 3, "head_layers": (), **changes})
    )
    return model.fit(
        data, validation, seed=1, checkpoint=checkpoint, callbacks=callbacks, unlabelled=unlabelled, start=start
    )


@pytest.fixture
def separately(monkeypatch):
    """Return a function that fits the members one after the other."""

    def fit_separately(*arguments, **options):
        with monkeypatch.context() as patch:
            patch.setattr(stacked, "MAX_VALUES_AT_ONCE", -1)
            patch.setattr(Lockstep, "fit", lambda self: pytest.fail("the members were fitted at once"))
            return fit(*arguments, **options)

    return fit_separately


@pytest.fixture
def fits(monkeypatch):
    """Return the list of the numbers of networks that were trained in lockstep."""
    numbers, fit_all = [], Lockstep.fit

    def count(self):
        numbers.append(len(self.trainers))
        fit_all(self)

    monkeypatch.setattr(Lockstep, "fit", count)
    return numbers


def check_equal(first, second, data=DATA, tolerance=1e-5):
    np.testing.assert_allclose(first.predict(data), second.predict(data), atol=tolerance)
    for own, other in zip(first.histories, second.histories, strict=True):
        assert own.best_epoch == other.best_epoch
        expected = other.to_arrays()
        assert list(own.to_arrays()) == list(expected)
        for name, column in own.to_arrays().items():
            np.testing.assert_allclose(column, expected[name], rtol=20 * tolerance, atol=20 * tolerance, err_msg=name)


@pytest.mark.parametrize("kind", [*TARGETS, "survival"])
@pytest.mark.parametrize("base", ["redcore", "zero_fill"])
def test_every_target(base, kind, separately, fits):
    data = make_data(kind, 41)
    check_equal(fit(data, base=base), separately(data, base=base), data)
    assert fits == [3]


def mixed_data():
    rng = np.random.default_rng(0)
    stage = np.array(["early", "late"])[rng.integers(2, size=41)].astype(object)
    stage[rng.random(41) < 0.2] = None
    return replace(DATA, target=several_targets({"stage": stage, "age": rng.normal(60, 10, size=41)}))


@pytest.mark.parametrize(
    "data",
    [
        sparse_data(),
        replace(DATA, target=DATA.target.weighted(np.linspace(0.1, 2, 41))),
        replace(DATA, groups=np.repeat(np.arange(11), [12, 9, 6, 3, 3, 2, 2, 1, 1, 1, 1])),
        mixed_data(),
        make_data("regression", 2),
        make_data("multiclass", 300),
    ],
    ids=["absent", "weights", "groups", "several targets", "two samples", "equal batches"],
)
def test_every_data(data, separately, fits):
    check_equal(fit(data), separately(data), data)
    assert fits == [3]


@pytest.mark.parametrize(
    "changes",
    [
        {"balancing": "relative_advantage"},
        {"fixed_weights": "text=3"},
        {"encoder_dropout": 0.0, "modality_dropout": 0.0, "bottleneck_noise": False},
        {"supervise_imputed": False, "detach_imputation_target": False, "bottleneck_init": "identity"},
        {"n_members": 2, "gradient_clip": None, "optimizer": "nadam"},
        {"schedule": "linear", "weight_averaging": 0.0, "selection": "score"},
        {"validation_fraction": 0.0},
        {"max_epochs": 60, "patience": 1, "learning_rate": 0.03},
        {"latent_dim": 5, "encoder_heads": 1, "imputer_hidden": 12},
        {"base": "zero_fill", "modality_dropout": 0.3},
        {"base": "zero_fill", "data": sparse_data()},
    ],
    ids=lambda changes: next(reversed(changes)),
)
def test_every_setting(changes, separately, fits):
    together, alone = fit(**changes), separately(**changes)
    check_equal(together, alone, changes.get("data", DATA))
    assert fits == [len(together.networks)]
    if "patience" in changes:
        assert len({history.n_steps for history in together.histories}) == 3, "all members stopped at the same step"


def test_validation_data_unlabelled_samples_and_a_warm_start(separately, fits):
    extra = replace(make_data("multiclass", 20), target=None)
    options = {"validation": make_data("multiclass", 30), "unlabelled": extra, "start": fit()}
    check_equal(fit(**options), separately(**options))
    assert fits == [3, 3]


@pytest.mark.parametrize(
    "changes",
    [
        {"n_members": 1},
        {"imputer": "concatenate"},
        {"head_layers": (4,)},
        {"encoder_layers": 2},
        {"encoder": "lstm"},
        {"encoders": {"text": "mlp,frozen=true"}},
        {"encoders": {"text": "mlp,width=3"}},
        {"balancing": "gradnorm"},
        {"loss": "focal"},
        {"base": "mmin"},
        {"base": "redcore_released"},
        {"base": "zero_fill", "head_layers": (4,)},
        {"precision": "bf16-mixed"},
        {"data": make_data("multiclass", 41, sequences=True)},
    ],
    ids=str,
)
def test_other_fits_are_separate(changes, fits):
    assert len(fit(**changes, max_epochs=1).networks) == changes.get("n_members", 3)
    assert not fits


def test_a_subclass_of_the_network_is_not_merged(monkeypatch, fits):
    class Own(RedCoreNetwork):
        def fuse(self, completed):
            return super().fuse(completed) * 2

    monkeypatch.setattr(RedCore, "Network", Own)
    fit(max_epochs=1)
    assert not fits


class OfEpochs(Fixed):
    def update(self, signals):
        if signals.ends_epoch:
            self.set_weights(torch.arange(3.0) + 1)
        return self.supervision_weight


def test_a_subclass_of_a_rule_is_not_merged(monkeypatch, fits):
    monkeypatch.setattr(redcore_method, "build_rule", lambda n, settings, names: OfEpochs(n, 0.7))
    model = fit(max_epochs=1)
    assert not fits
    assert model.supervision_weight["video"] > model.supervision_weight["audio"]


def test_encoders_of_a_user_are_built_once_for_each_network(fits):
    built = []

    def changed(n_features, width):
        encoder = MLPEncoder(n_features, width, 1, 0.3)
        encoder.layers[0][2] = torch.nn.ReLU()
        built.append(encoder)
        return encoder

    model = fit(encoders={"text": {"name": changed}}, max_epochs=1)
    assert [network.encoders.encoders[1] for network in model.networks] == built
    assert not fits


@pytest.mark.parametrize("limit", ["MAX_VALUES_AT_ONCE", "MAX_FEATURES_AT_ONCE", "MAX_NETWORKS_AT_ONCE"])
def test_large_fits_are_separate(limit, monkeypatch, fits):
    monkeypatch.setattr(stacked, limit, 2)
    fit(max_epochs=1)
    assert not fits


def test_networks_share_no_memory_after_the_fit():
    for network in fit().networks:
        for parameter in network.parameters():
            assert parameter.grad is None
            assert parameter.untyped_storage().nbytes() == parameter.numel() * parameter.element_size()


class Recorder(Callback):
    watches_gradients = True

    def __init__(self, raise_at: int | None = None):
        self.events, self.raise_at = [], raise_at

    def on_start(self, n_steps, first_step):
        self.events.append(("start", n_steps, first_step))

    def on_step(self, step, values):
        if step == self.raise_at:
            raise KeyboardInterrupt
        self.events.append(("step", step, sorted(values)))

    def on_epoch(self, epoch, values):
        self.events.append(("epoch", epoch, sorted(values)))

    def on_weights(self, epoch, weights):
        assert self.watches_weights
        self.events.append(("weights", epoch, sorted(weights)))


EARLY = {"max_epochs": 30, "patience": 2, "learning_rate": 0.03}
"""Settings with which the members stop at different steps."""


def test_callbacks_see_one_network_after_the_other(separately):
    together, alone = Recorder(), Recorder()
    fit(callbacks=[together], **EARLY)
    separately(callbacks=[alone], **EARLY)
    assert together.events == alone.events
    assert Counter(event[0] for event in together.events)["start"] == 3
    assert "gradient_norm/text" in together.events[1][2]


def test_callbacks_that_watch_weights_have_separate_fits(fits):
    recorder = Recorder()
    recorder.watches_weights = True
    fit(callbacks=[recorder])
    assert Counter(event[0] for event in recorder.events)["weights"] == 12
    assert not fits


@pytest.mark.parametrize("killed_at", [0, 7, 12])
def test_callbacks_see_all_events_of_a_fit_that_was_killed(killed_at, tmp_path):
    whole, killed, resumed = Recorder(), Recorder(raise_at=killed_at), Recorder()
    checkpoint, settings = tmp_path / "checkpoint.safetensors", {"checkpoint_seconds": 0, **EARLY}
    fit(callbacks=[whole], **settings)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=checkpoint, callbacks=[killed], **settings)
    fit(checkpoint=checkpoint, callbacks=[resumed], **settings)
    assert resumed.events[0] == ("start", whole.events[0][1], killed_at)
    assert killed.events + resumed.events[1:] == whole.events


class StopAt(Callback):
    """Stop at a step of a network, both counted from 1."""

    def __init__(self, network: int, step: int) -> None:
        self.network, self.step, self.seen = network, step, (0, 0)

    def on_start(self, n_steps, first_step):
        self.seen = (self.seen[0] + 1, first_step)

    def on_step(self, step, values):
        self.seen = (self.seen[0], step + 1)

    def should_stop(self):
        return self.seen == (self.network, self.step)


@pytest.mark.parametrize("stops", [[(1, 1)], [(1, 3), (1, 4), (1, 9)], [(2, 3)], [(3, 12)]])
def test_a_resumed_fit_equals_an_uninterrupted_fit(stops, tmp_path):
    checkpoint = tmp_path / "checkpoint.safetensors"
    for stop in stops:
        with pytest.raises(TrainingInterrupted):
            fit(checkpoint=checkpoint, callbacks=[StopAt(*stop)])
        assert [path.name for path in tmp_path.iterdir()] == [checkpoint.name]
    resumed, expected = fit(checkpoint=checkpoint), fit()
    for own, other in zip(resumed.histories, expected.histories, strict=True):
        for name, column in own.to_arrays().items():
            np.testing.assert_array_equal(column, other.to_arrays()[name], err_msg=name)
    for name, array in resumed.arrays().items():
        np.testing.assert_array_equal(array, expected.arrays()[name], err_msg=name)


def test_an_interrupted_fit_reports_the_same_as_separate_fits(separately, tmp_path):
    streams = []
    for function in (fit, separately):
        recorder, checkpoint = Recorder(), tmp_path / f"{len(streams)}.safetensors"
        for stop in (StopAt(1, 4), StopAt(2, 3)):
            with pytest.raises(TrainingInterrupted, match=f"step {stop.step}"):
                function(checkpoint=checkpoint, callbacks=[recorder, stop], checkpoint_seconds=0)
        function(checkpoint=checkpoint, callbacks=[recorder], checkpoint_seconds=0)
        streams.append(recorder.events)
    assert streams[0] == streams[1]


def test_a_fit_that_was_interrupted_after_a_member_stopped_is_resumed(tmp_path):
    options = {"max_epochs": 60, "patience": 1, "learning_rate": 0.03}
    expected, checkpoint = fit(**options), tmp_path / "checkpoint.safetensors"
    steps = sorted(history.n_steps for history in expected.histories)
    first = [history.n_steps for history in expected.histories].index(steps[-1])
    with pytest.raises(TrainingInterrupted):
        fit(checkpoint=checkpoint, callbacks=[StopAt(first + 1, steps[-1] - 1)], **options)
    check_equal(fit(checkpoint=checkpoint, **options), expected)


def test_a_checkpoint_of_another_fit_is_rejected(tmp_path, separately):
    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(TrainingInterrupted):
        fit(checkpoint=checkpoint, callbacks=[StopAt(1, 2)])
    with pytest.raises(RunError, match="other data, settings or seed"):
        fit(make_data("multiclass", 40), checkpoint=checkpoint)
    with pytest.raises(RunError, match=r"3 network\(s\) in one checkpoint, expected 1, as of another version"):
        separately(checkpoint=checkpoint)


def test_a_diverging_member_raises_an_error():
    with pytest.raises(DivergenceError, match=r"the loss is (nan|inf) at step \d+; lower learning_rate"):
        fit(
            make_data("regression", 41), learning_rate=10.0, gradient_clip=None, max_epochs=200, patience=None,
            adam_epsilon=1e-30, schedule="constant", weight_decay=10.0, input_clip=1e30, preprocessing="identity",
            imputation_weight=1e30,
        )  # fmt: skip


def test_the_random_state_of_torch_is_left_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    fit(max_epochs=1)
    assert torch.equal(torch.get_rng_state(), before)
