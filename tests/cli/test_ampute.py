"""``redcore ampute``: missing rates per split, reproducibility and invalid input."""

import json

import numpy as np
import pytest

from redcore.data.formats import read

SPLIT = np.repeat([0, 1, 2], [40, 10, 10])


def test_missing_rates_per_split(cli, make_npz, tmp_path):
    data = make_npz(split=SPLIT)
    rates = ("--missing-rate", "text=0.5", "--validation-rate", "text=0.2", "--test-rate", "audio=0.3")
    result = cli("ampute", data, "--out", tmp_path / "store", *rates, "--json")
    assert result.status == 0
    realised = result.json["realised_missing_rates"]
    assert realised == {
        "train": {"audio": 0.0, "text": 0.5},
        "validation": {"audio": 0.0, "text": 0.2},
        "test": {"audio": 0.3, "text": 0.0},
    }
    amputed, complete = read(tmp_path / "store"), read(data)
    assert amputed.part("train").missing_rates == realised["train"]
    assert amputed.part("test").missing_rates == realised["test"]
    np.testing.assert_array_equal(amputed.target.values, complete.target.values)
    observed = amputed.modalities["audio"].availability
    np.testing.assert_array_equal(amputed.modalities["audio"].values, complete.modalities["audio"].values[observed])
    assert json.loads((tmp_path / "store" / "card.json").read_text())["origin"]["sha256"] == complete.checksum()


def test_masks_depend_on_the_seed_and_not_on_other_splits(cli, make_npz, tmp_path):
    data = make_npz(split=SPLIT)

    def availability(name, *options):
        assert cli("ampute", data, "--out", tmp_path / name, "--missing-rate", "0.4", *options).status == 0
        return read(tmp_path / name).availability

    first = availability("a")
    np.testing.assert_array_equal(availability("b"), first)
    assert (availability("c", "--seed", "1") != first).any()
    np.testing.assert_array_equal(availability("d", "--test-rate", "0.3")[:50], first[:50])


def test_without_splits_all_samples_are_training(cli, make_npz, tmp_path):
    result = cli("ampute", make_npz(), "--out", tmp_path / "store", "--missing-rate", "audio=0.1")
    assert "train: missing audio 0.100, text 0.000" in result.out
    again = cli("fit", tmp_path / "store", "--method", "late_fusion", "--out", tmp_path / "run")
    assert again.status == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--missing-rate", "smell=0.5"), "unknown modality 'smell'"),
        (("--missing-rate", "1.5"), "expected a number in [0, 1]"),
        (("--missing-rate", "0.9"), "nearest possible rates"),
        (("--protocol", "nosuch"), "unknown missing protocol 'nosuch'"),
    ],
)
def test_bad_input(cli, make_npz, tmp_path, options, message):
    result = cli("ampute", make_npz(), "--out", tmp_path / "store", *options)
    assert result.status == 2
    assert message in result.err
    assert not (tmp_path / "store").exists()


def test_protocol_options_and_parts(cli, make_npz, tmp_path):
    data = make_npz(split=SPLIT)
    arguments = ("--protocol", "fixed_patterns", "--option", "patterns=audio,text", "--parts", "train,test")
    result = cli("ampute", data, "--out", tmp_path / "store", *arguments, "--json")
    assert result.json["realised_missing_rates"] == {part: {"audio": 0.5, "text": 0.5} for part in ("train", "test")}
    assert read(tmp_path / "store").part("validation").availability.all()
    result = cli("ampute", data, "--out", tmp_path / "other", *arguments[:-1], "train,tst")
    assert (result.status, "unknown part 'tst'" in result.err) == (2, True)


def test_removal_of_time_steps(cli, tmp_path):
    path = tmp_path / "sequences.npz"
    rng = np.random.default_rng(0)
    split = rng.permutation(np.repeat([0, 2], [20, 10]))
    np.savez(path, x_a=rng.standard_normal((30, 8, 2)), y=np.arange(30) % 2, split=split)
    result = cli("ampute", path, "--out", tmp_path / "store", "--protocol", "partial", "--missing-rate", "a=0.5")
    assert result.status == 0
    amputed, complete = read(tmp_path / "store"), read(path)
    np.testing.assert_array_equal(amputed.modalities["a"].lengths, np.where(split == 0, 4, 8))
    np.testing.assert_array_equal(amputed.target.values, complete.target.values)
    run = ("--protocol", "partial", "--missing-rate", "a=0.5", "--method", "late_fusion", "--out", tmp_path / "run")
    assert cli("fit", path, *run).status == 0
