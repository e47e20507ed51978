"""What the released code does that we must not: one test for each trap (docs/method.md)."""

import gc
import warnings

import numpy as np
import pytest
import torch

from factories import make_arrays, make_availability, make_data, make_target, tiny
from redcore.data import MultimodalData
from redcore.exceptions import EmptySampleWarning
from redcore.fitting import Callback, Stepper, TrainingSettings, predict_batches
from redcore.fitting._plan import Plan, Sampler
from redcore.methods import make_method
from redcore.methods.redcore import RedCoreNetwork, RedCoreSettings
from redcore.nn import ModalityForm, Objective, collate
from redcore.nn.encoders import EncoderSpec, build_encoder

N = 24


def redcore(**changes):
    return make_method("redcore", settings=tiny("redcore", **changes))


def stepper_on(data, **changes):
    """Return a stepper on tiny sizes, and the encoded target."""
    settings = RedCoreSettings.parse(tiny("redcore", **changes))
    forms = [
        ModalityForm(name, modality.n_features, int(modality.is_sequence)) for name, modality in data.modalities.items()
    ]
    objective = Objective.fit(data.target)
    torch.manual_seed(0)
    network = RedCoreNetwork(forms, data.target.n_outputs, settings)
    network.train()
    return Stepper(network, objective, settings), objective.encode(data.target)


def test_trap_1_the_epoch_is_chosen_on_validation_data():
    data, validation = make_data(), make_data(n_samples=12)
    model = redcore(max_epochs=6, learning_rate=0.05, validation_patterns=1).fit(data, validation)
    losses = model.history.epochs["validation_loss"]
    assert model.history.best_epoch == int(np.argmin(losses))
    codes = validation.target.values
    chosen = -np.log(model.predict(validation)[np.arange(12), codes]).mean()
    assert chosen == pytest.approx(min(losses), rel=1e-4)


def test_trap_2_what_a_sample_lacks_is_the_same_in_every_epoch(monkeypatch):
    data = make_data()
    seen: dict[int, set[bytes]] = {}

    def spy(self, source, target, rows, batch=Stepper.batch):
        made = batch(self, source, target, rows)
        for row, there in zip(rows, made.availability.numpy(), strict=True):
            seen.setdefault(int(source.sample_ids[row]), set()).add(there.tobytes())
        return made

    monkeypatch.setattr(Stepper, "batch", spy)
    redcore(max_epochs=5, validation_fraction=0).fit(data)
    assert seen == {row: {there.tobytes()} for row, there in enumerate(data.availability)}


@pytest.mark.parametrize("keep", [False, True])
def test_trap_3_rows_without_any_modality_are_an_explicit_option(keep, monkeypatch):
    availability = make_availability()
    availability[:5] = False
    data = MultimodalData.from_arrays(make_arrays(), make_target("binary", N), availability=availability)
    trained: set[int] = set()

    def spy(self, source, target, rows, batch=Stepper.batch):
        trained.update(source.sample_ids[rows].tolist())
        return batch(self, source, target, rows)

    monkeypatch.setattr(Stepper, "batch", spy)
    method = redcore(keep_empty_samples=keep, validation_fraction=0)
    if keep:
        method.fit(data)
    else:
        with pytest.warns(EmptySampleWarning, match="5 of 24 samples"):
            method.fit(data)
    assert trained == set(range(0 if keep else 5, N))


def test_trap_4_no_noise_when_predicting_but_noise_in_training():
    data = make_data()
    model = redcore().fit(data)
    np.testing.assert_array_equal(model.predict(data), model.predict(data))
    batch = collate(model.preprocessor.transform(data), np.arange(N))
    code = model.network(batch).codes
    torch.testing.assert_close(code.sample, code.mean, rtol=0, atol=0)
    code = model.network.train()(batch).codes
    for sample, mean in zip(code.sample.unbind(1), code.mean.unbind(1), strict=True):
        assert not torch.equal(sample, mean)


@pytest.mark.parametrize("kind", ["transformer", "lstm", "textcnn", "mlp"])
def test_trap_5_padding_reaches_neither_attention_nor_pooling(kind):
    torch.manual_seed(0)
    encoder = build_encoder(kind, 3, True, EncoderSpec(8, 2, 2, 2, 0.1, 0.1, True)).eval()
    values, lengths = torch.randn(5, 7, 3), torch.tensor([7, 1, 3, 5, 2])
    clean, dirty = values.clone(), values.clone()
    for row, length in enumerate(lengths.tolist()):
        clean[row, length:], dirty[row, length:] = 0.0, 1e4
    longer = torch.cat([clean, torch.zeros(5, 4, 3)], dim=1)
    with torch.no_grad():
        expected = encoder(clean, lengths)
        torch.testing.assert_close(encoder(dirty, lengths), expected)
        torch.testing.assert_close(encoder(longer, lengths), expected)
        for row, length in enumerate(lengths.tolist()):
            alone = encoder(clean[row : row + 1, :length], lengths[row : row + 1])
            torch.testing.assert_close(alone, expected[row : row + 1])


def test_trap_5_only_present_samples_go_through_an_encoder():
    data = make_data(sequences=True)
    stepper, target = stepper_on(data)
    sizes = []
    for encoder in stepper.network.encoders.encoders:
        encoder.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    stepper.step(stepper.batch(data, target, np.arange(N)), 0)
    assert sizes == data.availability.sum(axis=0).tolist()


def test_trap_6_batches_in_which_nobody_observes_a_modality_give_finite_numbers():
    rng = np.random.default_rng(0)
    availability = rng.random((N, 3)) > 0.9
    availability[np.arange(N), np.arange(N) % 2] = True
    availability[0, 2] = True
    data = MultimodalData.from_arrays(make_arrays(), make_target("multiclass", N), availability=availability)
    model = redcore(batch_size=2, validation_fraction=0).fit(data)
    columns = model.history.to_arrays()
    assert (columns["steps/imputation_loss/video"] == 0).any()
    assert all(np.isfinite(column).all() for column in columns.values())
    assert np.isfinite(model.predict(data)).all()


def test_trap_7_no_step_keeps_anything_of_the_one_before():
    data = make_data()
    stepper, target = stepper_on(data)
    counts = []
    for step in range(12):
        losses = stepper.step(stepper.batch(data, target, np.arange(N)), step)
        assert not any(value.requires_grad for value in losses.values())
        gc.collect()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            counts.append(sum(isinstance(thing, torch.Tensor) for thing in gc.get_objects()))
    assert not stepper.network.rule.running_loss.requires_grad
    assert len(set(counts[2:])) == 1


@pytest.mark.parametrize("imputer", ["concatenate", "pooled"])
def test_trap_8_every_parameter_enters_the_loss(imputer):
    data = make_data(holes=False)
    stepper, target = stepper_on(data, imputer=imputer)
    network = stepper.network
    batch = stepper.batch(data, target, np.arange(N))
    network.losses(network(batch), batch, stepper.objective, 0)["loss"].backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []
    # every number belongs to exactly one sub-network
    counts = {parameter: torch.zeros_like(parameter, dtype=torch.int64) for parameter in network.parameters()}
    for part in network.subnetworks():
        for parameter, index in part:
            counts[parameter][index] += 1
    assert all((count == 1).all() for count in counts.values())


def test_trap_9_weight_decay_acts():
    data = make_data()
    norms = []
    for decay in (0.0, 1.0):
        stepper, target = stepper_on(data, weight_decay=decay, learning_rate=0.1)
        for step in range(5):
            stepper.step(stepper.batch(data, target, np.arange(N)), step)
        norms.append(sum(float(p.detach().norm()) for p in stepper.network.parameters()))
    assert norms[1] < 0.9 * norms[0]


def test_trap_10_the_learning_rate_is_what_the_settings_say(monkeypatch):
    settings = {"schedule": "linear", "decay_fraction": 0.5, "learning_rate": 0.01, "patience": None}
    used = []

    def spy(self, batch, step, learning_rate=None, do=Stepper.step, **options):
        losses = do(self, batch, step, learning_rate, **options)
        used.append(self.optimizer.param_groups[0]["lr"])
        return losses

    monkeypatch.setattr(Stepper, "step", spy)
    redcore(max_epochs=4, validation_fraction=0, batch_size=12, n_members=1, **settings).fit(make_data())
    assert used == pytest.approx(np.repeat([0.01, 0.01, 0.01 * 2 / 3, 0.01 / 3], 2))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("constant", [1, 1, 1, 1]), ("cosine", [1, 0.853553, 0.5, 0.146447]), ("linear", [1, 1, 2 / 3, 1 / 3])],
)
def test_schedules(schedule, expected):
    settings = TrainingSettings(learning_rate=1.0, schedule=schedule, max_epochs=4, batch_size=10)
    plan = Plan.make(settings, 10)
    assert [plan.learning_rate(step) for step in range(4)] == pytest.approx(expected, rel=1e-4)


def test_every_sample_once_per_epoch_in_a_new_order():
    plan = Plan.make(TrainingSettings(max_epochs=3, batch_size=4), 10)
    sampler = Sampler(10, plan, seed=0)
    epochs = [np.concatenate([sampler.rows(3 * epoch + place) for place in range(3)]) for epoch in range(3)]
    for order in epochs:
        assert sorted(order.tolist()) == list(range(10))
    assert len({order.tobytes() for order in epochs}) == 3
    np.testing.assert_array_equal(Sampler(10, plan, seed=0).rows(4), epochs[1][4:8])


def test_a_fit_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    redcore().fit(make_data())
    assert torch.equal(torch.get_rng_state(), state)


def test_callbacks_see_every_step_and_epoch():
    class Spy(Callback):
        def __init__(self):
            self.calls = []

        def on_start(self, n_steps, first_step):
            self.calls.append(("start", n_steps, first_step))

        def on_step(self, step, values):
            self.calls.append(("step", step))

        def on_epoch(self, epoch, values):
            self.calls.append(("epoch", epoch))

    spy = Spy()
    redcore(max_epochs=2, batch_size=12, n_members=1).fit(make_data(), make_data(n_samples=6), callbacks=[spy])
    assert spy.calls == [
        ("start", 4, 0),
        *[("step", 0), ("step", 1), ("epoch", 0)],
        ("step", 2),
        ("step", 3),
        ("epoch", 1),
    ]


def test_prediction_goes_batch_by_batch(monkeypatch):
    data = make_data()
    model = redcore().fit(data)
    whole = model.predict(data)
    monkeypatch.setattr("redcore.nn._batch.PREDICTION_BATCH", 5)
    assert len(list(predict_batches(model.network, model.preprocessor.transform(data)))) == 5
    np.testing.assert_allclose(model.predict(data), whole, rtol=1e-5)
