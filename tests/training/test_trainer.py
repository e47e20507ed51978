"""Training loop: early stopping, epoch selection, checkpoints and resume."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from factories import make_data, tiny
from redcore.exceptions import DivergenceError, ModelFileError, RunError, TrainingInterrupted
from redcore.fitting import Callback, Stepper, Trainer
from redcore.methods import make_method
from redcore.methods.redcore import RedCoreNetwork, RedCoreSettings
from redcore.nn import ModalityForm, Objective

DATA = make_data("multiclass", 40, sequences=True)


class StopAfter(Callback):
    def __init__(self, *steps: int) -> None:
        self.steps, self.done = set(steps), 0

    def on_step(self, step, values):
        self.done = step + 1

    def should_stop(self):
        return self.done in self.steps


def fit(method="redcore", checkpoint=None, callbacks=(), data=DATA, **changes):
    model = make_method(method, settings=tiny(method, **{"max_epochs": 4, **changes}))
    return model.fit(data, seed=1, checkpoint=checkpoint, callbacks=callbacks)


def same(first, second) -> bool:
    numbers = first.arrays().keys() == second.arrays().keys() and all(
        np.array_equal(array, second.arrays()[name]) for name, array in first.arrays().items()
    )
    return (
        numbers
        and first.history.to_arrays().keys() == second.history.to_arrays().keys()
        and all(
            np.array_equal(column, second.history.to_arrays()[name], equal_nan=True)
            for name, column in first.history.to_arrays().items()
        )
    )


@pytest.fixture(scope="module")
def uninterrupted():
    return {method: fit(method) for method in ("redcore", "zero_fill")}


@settings(max_examples=6, deadline=None)
@given(
    stops=st.lists(st.integers(1, 19), min_size=1, max_size=4, unique=True),
    method=st.sampled_from(["redcore", "zero_fill"]),
)
def test_a_resumed_fit_equals_an_uninterrupted_fit(stops, method, uninterrupted, tmp_path_factory):
    checkpoint = tmp_path_factory.mktemp("run") / "checkpoint.safetensors"
    for stop in sorted(stops):
        if stop < uninterrupted[method].history.n_steps:
            with pytest.raises(TrainingInterrupted, match=f"step {stop}"):
                fit(method, checkpoint, [StopAfter(stop)])
    assert same(fit(method, checkpoint), uninterrupted[method])


def interrupted(tmp_path):
    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(TrainingInterrupted):
        fit(checkpoint=checkpoint, callbacks=[StopAfter(3)])
    return checkpoint


@pytest.mark.parametrize("change", [{"learning_rate": 1e-4}, {"data": make_data("multiclass", 39)}])
def test_a_checkpoint_of_another_fit_is_rejected(tmp_path, change):
    with pytest.raises(RunError, match="other data, settings or seed"):
        fit(checkpoint=interrupted(tmp_path), **change)


@pytest.mark.parametrize("raw", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint_is_rejected(tmp_path, raw):
    checkpoint = interrupted(tmp_path)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-40] if raw is None else raw)
    with pytest.raises(ModelFileError, match="checkpoint"):
        fit(checkpoint=checkpoint)


def test_early_stopping_selects_the_best_epoch():
    model = fit(max_epochs=200, patience=2, learning_rate=0.05, schedule="constant")
    losses = model.history.epochs["validation_loss"]
    assert len(losses) < 200
    assert model.history.best_epoch == int(np.argmin(losses)) == len(losses) - 3


def test_max_steps_ends_training_in_mid_epoch():
    assert fit(max_steps=7).history.n_steps == 7


def test_without_validation_the_last_epoch_is_kept():
    model = fit(validation_fraction=0)
    assert model.history.best_epoch == -1
    assert not model.history.epochs


def test_selection_by_score():
    model = fit(selection="score", max_epochs=6)
    scores = model.history.epochs["validation_score"]
    assert model.history.best_epoch == int(np.argmax(scores))


def test_a_diverging_loss_raises_an_error():
    with pytest.raises(DivergenceError, match=r"the loss is (nan|inf) at step \d+; lower learning_rate"):
        fit(
            learning_rate=10.0,
            gradient_clip=None,
            max_epochs=200,
            patience=None,
            adam_epsilon=1e-30,
            schedule="constant",
            weight_decay=10.0,
            input_clip=1e30,
            preprocessing="identity",
            data=make_data("regression", 40),
            imputation_weight=1e30,
        )


def test_bfloat16_is_close_to_float32():
    full, half = fit(max_epochs=1), fit(max_epochs=1, precision="bf16-mixed")
    np.testing.assert_allclose(half.predict(DATA), full.predict(DATA), atol=0.05)
    assert not same(full, half)


@pytest.mark.parametrize(("sequences", "n_threads", "expected"), [(False, None, 1), (True, None, 2), (True, 3, 3)])
def test_threads(sequences, n_threads, expected):
    class Spy(Callback):
        def on_step(self, step, values):
            self.seen = torch.get_num_threads()

    before, spy = torch.get_num_threads(), Spy()
    torch.set_num_threads(2)
    try:
        data = make_data("multiclass", 24, sequences=sequences)
        fit(data=data, n_threads=n_threads, callbacks=[spy], max_epochs=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert spy.seen == expected


class _Ops(TorchDispatchMode):
    """Record of the names of all operations."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func.name())
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("rule", ["fixed", "relative_advantage", "inverse_rate", "uncertainty", "passion"])
def test_a_step_on_vectors_reads_no_number_from_the_device(rule):
    data = make_data()
    chosen = RedCoreSettings.parse(tiny("redcore", balancing=rule))
    network = RedCoreNetwork([ModalityForm(name, m.n_features, 0) for name, m in data.modalities.items()], 3, chosen)
    objective = Objective.fit(data.target)
    stepper = Stepper(network, objective, chosen)
    batch = stepper.batch(data, objective.encode(data.target), np.arange(data.n_samples))
    stepper.step(batch, 0)
    with _Ops() as ops:
        stepper.step(batch, 1)
    assert "aten::mm" in ops.names or "aten::addmm" in ops.names
    waits = {"aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero", "aten::masked_select", "aten::equal"}
    assert not ops.names & waits


def test_losses_read_in_blocks_give_the_same_history(monkeypatch):
    data = make_data()

    def history():
        return make_method("redcore", settings=tiny("redcore")).fit(data, seed=0).history

    every_step = history()
    monkeypatch.setattr(Trainer, "read_interval", property(lambda self: 5, lambda self, value: None), raising=False)
    in_blocks = history()
    assert in_blocks.steps == every_step.steps
    assert in_blocks.epochs == every_step.epochs


def test_an_undefined_score_leaves_the_choice_of_the_epoch_to_the_loss():
    data = make_data()
    one_class = data.take(np.flatnonzero(data.target.values == 0))
    fits = [
        make_method("redcore", settings=tiny("redcore", selection=selection, max_epochs=4)).fit(data, one_class, seed=0)
        for selection in ("loss", "score")
    ]
    assert "validation_score" not in fits[1].history.epochs
    assert fits[0].history.best_epoch == fits[1].history.best_epoch
