"""CMU-MOSI, CMU-MOSEI, CH-SIMS: layout of the public files, split and scores."""

import pickle

import numpy as np
import pytest

from redcore.datasets import ch_sims, cmu_mosei, cmu_mosi, load_public
from redcore.exceptions import DataError
from redcore.metrics import mosi_scores, sims_scores
from samples import write_dataset


@pytest.fixture(params=(ch_sims, cmu_mosei, cmu_mosi), ids=lambda module: module.__name__.rpartition(".")[2])
def module(request):
    return request.param


def written(module, folder):
    return write_dataset(module.__name__.rpartition(".")[2], folder)


def test_sample_has_the_layout_of_the_public_file(module, tmp_path):
    root = written(module, tmp_path)
    content = pickle.loads((root / "unaligned_50.pkl").read_bytes())
    assert list(content) == ["train", "valid", "test"]
    for name, width in module.N_FEATURES.items():
        assert content["train"][name].shape[2] == width
    assert ("regression_labels_T" in content["test"]) == (module is ch_sims)
    assert np.abs(content["train"]["regression_labels"]).max() <= (1 if module is ch_sims else 3)
    assert {"id", "raw_text", "text_bert", "audio_lengths", "vision_lengths"} < set(content["test"])


def test_loading(module, tmp_path):
    name = module.__name__.rpartition(".")[2]
    data = load_public(name, written(module, tmp_path))
    assert {key: data.modalities[key].n_features for key in data.names} == module.N_FEATURES
    assert [data.part(part).n_samples for part in ("train", "validation", "test")] == [5, 2, 3]
    assert data.target.kind == "regression"
    (tmp_path / "Processed").mkdir()
    (tmp_path / "unaligned_50.pkl").rename(tmp_path / "Processed/unaligned_50.pkl")
    assert module.load(tmp_path).checksum() == data.checksum()
    assert module.load(tmp_path / "Processed/unaligned_50.pkl").checksum() == data.checksum()


def test_infinite_values_become_zeros(module, tmp_path):
    path = written(module, tmp_path) / "unaligned_50.pkl"
    content = pickle.loads(path.read_bytes())
    content["train"]["audio"][0, 0, 0] = -np.inf
    path.write_bytes(pickle.dumps(content))
    assert module.load(tmp_path).take([0]).modalities["audio"].values[0, 0] == 0


def test_absent_file_and_fold(module, tmp_path):
    with pytest.raises(DataError, match="no data file, expected one of"):
        module.load(tmp_path)
    with pytest.raises(DataError, match="fold is 2, expected 1"):
        module.load(written(module, tmp_path), 2)


def test_metrics_are_known(module):
    known = (sims_scores if module is ch_sims else mosi_scores)(np.array([0.1, -0.5]), np.array([0.2, 0.3]))
    assert set(module.METRICS) == set(known)


def test_mosi_scores():
    true, predicted = np.array([-3.0, -0.4, 0.0, 1.4, 2.6]), np.array([-2.6, 0.2, -0.1, 1.6, 9.0])
    result = mosi_scores(true, predicted)
    assert result["acc2_has0"] == pytest.approx(3 / 5)
    assert result["acc2_non0"] == pytest.approx(3 / 4)
    assert result["acc7"] == pytest.approx(4 / 5)
    assert result["acc5"] == pytest.approx(4 / 5)
    assert result["mae"] == pytest.approx((0.4 + 0.6 + 0.1 + 0.2 + 6.4) / 5)
    assert result["corr"] == pytest.approx(np.corrcoef(true, predicted)[0, 1])
    nothing = mosi_scores(np.zeros(3), np.ones(3))
    assert nothing["acc2_non0"] is None
    assert nothing["corr"] is None


def test_sims_scores():
    true = np.array([-1.0, -0.7, -0.1, 0.0, 0.1, 0.7, 1.0])
    result = sims_scores(true, true)
    assert [result[name] for name in ("acc2", "acc3", "acc5", "f1", "corr")] == pytest.approx([1.0] * 5)
    # -0.1 is negative, 0.1 is neutral, 0.7 is weakly positive
    assert sims_scores(np.array([-0.1, 0.1, 0.7]), np.array([-0.2, 0.0, 0.2]))["acc5"] == 1
    assert sims_scores(np.array([0.0]), np.array([0.01]))["acc2"] == 0
