"""Predictions per test sample: kept beside the records, equal to the scores, packed and read again."""

import json
import zipfile

import numpy as np
import pytest

from redcore.benchmark import Spec, mean_interval, pack_records, read_records, run, run_score, summarise, unpack_records
from redcore.exceptions import RunError, SettingsError
from redcore.metrics import AS_OBSERVED, influence

BASE = {
    "title": "x",
    "protocol": [{"name": "imbalanced", "rates": [0.2, 0.6], "test_rates": [0.3]}],
    "method": [{"name": "late_fusion"}, {"name": "prior"}],
    "n_seeds": 3,
}
SCORES = ("accuracy", "macro_f1", "argmax_macro_f1", "uar", "nll", "ece")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    codes = rng.integers(3, size=90)
    values = {name: rng.normal(size=(90, 3)) + codes[:, None] for name in ("x_audio", "x_text")}
    split = np.repeat([0, 0, 0, 1, 2, 2], 15)
    np.savez(folder / "split.npz", y=codes, split=split, **values)
    np.savez(folder / "groups.npz", y=codes, group=np.arange(90) % 18, **values)
    np.savez(folder / "numbers.npz", y=codes + rng.normal(size=90), **values)
    return folder


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    data = [{"name": f"{name}.npz"} for name in ("split", "groups", "numbers")]
    run(Spec.checked({**BASE, "data": data}), out, data_folder=folder)
    return out


def names_of(record):
    return ("r2", "mae", "pearson_r") if record.data_title == "numbers" else SCORES


def test_samples_reproduce_the_scores(finished):
    for record in read_records(finished):
        samples = record.sample_file()
        assert set(samples.predictions) == {AS_OBSERVED, *record.metrics["per_pattern"]}
        for pattern, predictions in samples.predictions.items():
            scores = record.metrics["as_observed"] if pattern == AS_OBSERVED else record.metrics["per_pattern"][pattern]
            assert len(predictions.target) == scores["n_samples"]
            if predictions.predicted is None:
                assert (predictions.decided == predictions.target).mean() == pytest.approx(scores["accuracy"])
                assert predictions.log_loss.mean() == pytest.approx(scores["nll"], rel=2e-3)
            else:
                errors = np.abs(predictions.predicted - predictions.target)
                assert errors.mean() == pytest.approx(scores["mae"], rel=1e-5)


def test_units_are_groups_if_the_data_has_them(finished):
    for record in read_records(finished):
        units = record.sample_file().units
        expected = 5 if record.data_title == "groups" else len(units)
        assert len(units) == record.n_samples["test"]
        assert abs(len(np.unique(units)) - expected) <= 1


@pytest.mark.parametrize("over", ["patterns", "pooled", "as_observed"])
def test_the_influence_of_a_cell_averages_over_patterns(finished, over):
    for record in read_records(finished):
        samples = record.sample_file()
        for name in names_of(record):
            of_units = record.sample_influence(name, over)
            if of_units is None:
                # the correlation with a constant prediction is undefined
                assert (record.method_title, name) == ("prior", "pearson_r")
                continue
            assert of_units.values.sum() == pytest.approx(0, abs=1e-9)
            if over == "patterns" and record.data_title == "split":
                parts = [influence(name, p) for pattern, p in samples.predictions.items() if pattern != AS_OBSERVED]
                order = np.argsort(samples.units)
                np.testing.assert_allclose(of_units.values, np.mean(parts, axis=0)[order], atol=1e-12)


def test_intervals_include_the_noise_of_test_samples(finished):
    records = read_records(finished)
    for entry in summarise(records, score="proper"):
        assert entry.basis == ("samples" if entry.data == "split" else "splits")
        runs = [r for r in records if (r.data_title, r.method_title) == (entry.data, entry.method)]
        interval = mean_interval([run_score(record, "proper") for record in runs])
        assert (entry.low, entry.high) == (interval.low, interval.high)
    # the prior has the same scores in all runs on one split, but its test samples are random
    prior = next(e for e in summarise(records, score="nll") if (e.data, e.method) == ("split", "prior"))
    samples = next(r for r in records if (r.data_title, r.method_title) == ("split", "prior")).sample_file()
    losses = samples.predictions["text"].log_loss
    assert (prior.high - prior.low) / 2 == pytest.approx(2.045 * losses.std(ddof=1) / np.sqrt(30), rel=0.02)


def test_packed_samples_give_the_same_intervals(finished, tmp_path):
    pack_records(finished, tmp_path / "packed.jsonl.gz")
    unpack_records(tmp_path / "packed.jsonl.gz", tmp_path / "folder")
    expected = summarise(read_records(finished))
    for source in (tmp_path / "packed.jsonl.gz", tmp_path / "folder"):
        for entry, own in zip(summarise(read_records(source)), expected, strict=True):
            assert (entry.mean, entry.low, entry.high) == pytest.approx((own.mean, own.low, own.high))
            assert entry.basis == ("samples" if entry.data == "split" else "splits")
    first = (tmp_path / "packed.samples.zip").read_bytes()
    pack_records(finished, tmp_path / "packed.jsonl.gz")
    assert (tmp_path / "packed.samples.zip").read_bytes() == first
    (tmp_path / "packed.samples.zip").unlink()
    assert {entry.basis for entry in summarise(read_records(tmp_path / "packed.jsonl.gz"))} == {"runs", "splits"}


def test_samples_are_small(finished):
    for path in (finished / "samples").iterdir():
        # 22 to 30 test samples under four patterns
        assert path.stat().st_size < 4000


def test_damaged_samples_are_named(finished, tmp_path):
    pack_records(finished, tmp_path / "packed.jsonl.gz")
    unpack_records(tmp_path / "packed.jsonl.gz", tmp_path / "folder")
    record = read_records(tmp_path / "folder")[0]
    path = tmp_path / "folder" / record.samples
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match=r"damaged samples"):
        record.sample_file()
    with zipfile.ZipFile(tmp_path / "packed.samples.zip") as archive:
        assert len(archive.namelist()) == len(read_records(finished))


def test_samples_can_be_left_out_and_keys_do_not_depend_on_it(folder, tmp_path):
    content = {**BASE, "data": [{"name": "split.npz"}], "n_seeds": 1}
    without = Spec.checked({**content, "keep_samples": False})
    run(without, tmp_path, data_folder=folder)
    assert not any((tmp_path / "samples").iterdir())
    assert {record.samples for record in read_records(tmp_path)} == {""}
    assert [cell.key() for cell in without.cells()] == [cell.key() for cell in Spec.checked(content).cells()]


@pytest.mark.parametrize("choice", ["published", "repeated", "published_first"])
def test_outer_splits(folder, tmp_path, choice):
    data = [{"name": "split.npz"}] if choice == "published" else [{"name": "split.npz", "outer_split": choice}]
    run(Spec.checked({**BASE, "data": data, "method": [{"name": "prior"}]}), tmp_path, data_folder=folder)
    records = sorted(read_records(tmp_path), key=lambda record: record.seed)
    is_drawn = {"published": [0, 0, 0], "repeated": [1, 1, 1], "published_first": [0, 1, 1]}[choice]
    assert [record.split_source for record in records] == [("published", "drawn")[drawn] for drawn in is_drawn]
    assert (
        len({record.split_checksum for record in records})
        == {"published": 1, "repeated": 3, "published_first": 3}[choice]
    )
    # random splits have the sizes of the published one
    assert {tuple(record.n_samples.items()) for record in records} == {
        (("train", 45), ("validation", 15), ("test", 30))
    }
    for record, drawn in zip(records, is_drawn, strict=True):
        if drawn:
            counts = np.bincount(record.sample_file().predictions["text"].target)
            assert counts.sum() == 30
            # stratified by class
            assert np.ptp(counts) <= 6


def test_random_splits_keep_groups(tmp_path):
    rng = np.random.default_rng(0)
    codes, groups = np.arange(80) % 2, np.repeat(np.arange(16), 5)
    split = np.repeat([0, 1, 2], [40, 20, 20])
    np.savez(
        tmp_path / "g.npz",
        x_a=rng.normal(size=(80, 2)),
        x_b=rng.normal(size=(80, 2)),
        y=codes,
        group=groups,
        split=split,
    )
    data = [{"name": "g.npz", "outer_split": "repeated"}]
    run(Spec.checked({**BASE, "data": data, "method": [{"name": "prior"}]}), tmp_path / "out", data_folder=tmp_path)
    for record in read_records(tmp_path / "out"):
        assert record.split_source == "drawn"
        assert record.n_samples == {"train": 40, "validation": 20, "test": 20}
        assert len(np.unique(record.sample_file().units)) == 4


def test_keys_change_only_with_the_option():
    def keys(**options):
        spec = Spec.checked({**BASE, "data": [{"name": "split.npz", **options}]})
        return [json.dumps(cell.identity(), sort_keys=True) for cell in spec.cells()]

    assert keys() == keys(outer_split="published")
    assert "outer_split" not in keys()[0]
    assert keys() != keys(outer_split="repeated")


@pytest.mark.parametrize("other", [{"n_folds": 3}, {"ignore": ["split"]}])
def test_outer_splits_exclude_folds(other):
    with pytest.raises(SettingsError, match="mutually exclusive"):
        Spec.checked({**BASE, "data": [{"name": "split.npz", "outer_split": "repeated", **other}]})
