"""Training on data in a store: equality with data in memory, shuffling, and resume within an epoch."""

import numpy as np
import pytest

from factories import make_data, tiny
from redcore.data import hold_out
from redcore.data.store import Store, _writer, block_numbers, write_store
from redcore.exceptions import TrainingInterrupted
from redcore.fitting import Callback, Plan, TrainingSettings
from redcore.fitting._batch_source import StoredSource
from redcore.methods import make_method

N = 400


@pytest.fixture(params=[False, True], ids=["vectors", "sequences"])
def pair(request, tmp_path, monkeypatch):
    """Return the same data in memory and in a store with blocks of 64 samples."""
    monkeypatch.setattr(_writer, "BLOCK_BYTES", 1)
    data = make_data("multiclass", N, sequences=request.param, groups=np.arange(N) // 5)
    write_store(data, tmp_path / "store")
    return data, Store(tmp_path / "store").data()


def test_views_of_stored_data_equal_views_in_memory(pair):
    data, stored = pair
    assert stored.is_stored
    rng = np.random.default_rng(0)
    rows = rng.integers(N, size=150)
    hidden = rng.random((150, 3)) > 0.3
    for select in (
        lambda d: d,
        lambda d: d.take(rows),
        lambda d: d.take(rows).hide(hidden),
        lambda d: d.hide(np.zeros((N, 3), dtype=bool)),
        lambda d: d.select(["text"]).take(rows[:1]),
    ):
        expected, view = select(data), select(stored)
        np.testing.assert_array_equal(view.availability, expected.availability)
        np.testing.assert_array_equal(view.sample_ids, expected.sample_ids)
        for name, modality in expected.modalities.items():
            other = view.modalities[name]
            assert (other.n_observed, other.n_samples) == (modality.n_observed, modality.n_samples)
            if modality.n_observed:
                assert (other.n_features, other.is_sequence) == (modality.n_features, modality.is_sequence)
                np.testing.assert_array_equal(other.values, modality.values)
                some = np.arange(0, other.n_samples, 3)
                np.testing.assert_array_equal(other.gather(some).values, modality.gather(some).values)
                np.testing.assert_allclose(np.concatenate(list(other.chunks())).sum(), modality.values.sum(), rtol=1e-4)


@pytest.mark.parametrize("method", ["stacked", "zero_fill", "late_fusion"])
def test_any_method_fits_and_predicts(pair, method):
    data, stored = pair
    train, held = hold_out(data, 0.3, 0)
    settings = tiny(method, batch_size=64)
    on_disk = make_method(method, settings=settings).fit(stored.take(train), stored.take(held), seed=0)
    np.testing.assert_allclose(on_disk.predict(stored), on_disk.predict(data), rtol=1e-6, atol=1e-7)
    assert on_disk.predict(stored).shape == (N, 3)
    if method == "late_fusion":
        in_memory = make_method(method, settings=settings).fit(data.take(train), data.take(held), seed=0)
        np.testing.assert_allclose(on_disk.predict(data), in_memory.predict(data), rtol=1e-6)


def source(stored, windows: int, batch_size: int = 30, seed: int = 0) -> StoredSource:
    plan = Plan.make(TrainingSettings(batch_size=batch_size, window_megabytes=1), stored.n_samples)
    made = StoredSource(stored, stored.target.values, plan, seed)
    made.n_windows = windows
    return made


@pytest.mark.parametrize("windows", [1, 3, 7])
def test_every_sample_occurs_once_per_epoch_with_its_label(pair, windows):
    data, stored = pair
    made = source(stored, windows)
    for epoch in (0, 1):
        ids = []
        for step in range(epoch * made.plan.steps_per_epoch, (epoch + 1) * made.plan.steps_per_epoch):
            window, target, rows = made.locate(step)
            batch = window.take(rows)
            np.testing.assert_array_equal(target[rows], data.target.values[batch.sample_ids])
            observed = batch.modalities["text"].gather(np.arange(len(rows)))
            expected = data.take(batch.sample_ids).modalities["text"].gather(np.arange(len(rows)))
            np.testing.assert_array_equal(observed.values, expected.values)
            ids.extend(batch.sample_ids.tolist())
        assert sorted(ids) == list(range(N))
    made.close()


def test_the_order_of_samples_is_random(pair):
    """Positions of a sample over epochs are uniform for all blocks, and neighbours are separated."""
    made = source(pair[1], windows=3)
    positions = np.stack([np.argsort(made.order(epoch)[0]) for epoch in range(300)])
    # the mean of 300 uniform positions has a standard deviation of N / sqrt(12 * 300) = 6.7
    assert abs(positions.mean(axis=0) - (N - 1) / 2).max() < 5 * N / np.sqrt(12 * 300)
    together = np.abs(np.diff(positions, axis=1)) == 1
    assert together.mean() < 4 * 2 / (N / 3)
    made.close()


def test_one_window_is_a_uniform_permutation(pair):
    made = source(pair[1], windows=1)
    order, ends = made.order(0)
    assert ends.tolist() == [N]
    assert len(set(block_numbers(pair[1])[order[:64]].tolist())) > 4
    made.close()


class StopAfter(Callback):
    def __init__(self, step):
        self.step, self.done = step, 0

    def on_step(self, step, values):
        self.done = step + 1

    def should_stop(self):
        return self.done == self.step


def test_a_fit_resumed_within_an_epoch_equals_an_uninterrupted_fit(pair, tmp_path):
    stored = pair[1]
    settings = tiny("redcore", batch_size=64, max_epochs=3)

    def fit(callbacks=()):
        model = make_method("redcore", settings=settings)
        return model.fit(stored, seed=3, checkpoint=tmp_path / "checkpoint.safetensors", callbacks=callbacks)

    with pytest.raises(TrainingInterrupted):
        fit([StopAfter(8)])
    resumed = fit()
    uninterrupted = make_method("redcore", settings=settings).fit(stored, seed=3)
    for name, array in uninterrupted.arrays().items():
        np.testing.assert_array_equal(resumed.arrays()[name], array)


def test_checksums_of_views_differ(pair):
    _, stored = pair
    assert stored.checksum() == stored.checksum()
    assert stored.take(np.arange(10)).checksum() != stored.take(np.arange(1, 11)).checksum()
    assert stored.hide(np.zeros((N, 3), dtype=bool)).checksum() != stored.checksum()
