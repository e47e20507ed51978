"""IEMOCAP and MSP-IMPROV: layout of the public files, folds and classes."""

import h5py
import numpy as np
import pytest

from redcore.data.formats import guess
from redcore.datasets import iemocap, load_dataset, load_public, msp_improv
from redcore.exceptions import DataError
from redcore.metrics import classification_scores
from samples import write_dataset

MODULES = (iemocap, msp_improv)


@pytest.fixture(params=MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def module(request):
    return request.param


@pytest.fixture
def root(module, tmp_path):
    return write_dataset(module.__name__.rpartition(".")[2], tmp_path / "features")


def test_sample_has_the_layout_of_the_public_files(module, root):
    assert guess(root) == "mmin"
    audio = "comparE" if module is iemocap else "comparE_raw"
    for file, width in ((f"A/{audio}.h5", 130), ("L/bert_large.h5", 1024), ("V/denseface.h5", 342)):
        with h5py.File(root / file) as opened:
            assert {array.shape[1] for array in opened.values()} == {width}
    names = np.load(root / "target/2/trn_int2name.npy")
    labels = np.load(root / "target/2/trn_label.npy")
    if module is iemocap:
        assert (names.dtype.kind, names.ndim, labels.shape[1]) == ("S", 2, 4)
        with h5py.File(root / "A/comparE_mean_std.h5") as opened:
            assert opened["2/mean"].shape == opened["2/std"].shape == (130,)
    else:
        assert (names.dtype.kind, names.ndim, labels.ndim) == ("U", 1, 1)


def test_loading_a_fold(module, root):
    data = module.load(root, 2)
    assert {name: data.modalities[name].n_features for name in data.names} == module.N_FEATURES
    assert data.target.classes.tolist() == list(module.CLASSES) == ["ang", "hap", "neu", "sad"]
    assert data.missing_rates == {"audio": 0.0, "text": 1 / 8, "video": 1 / 8}
    assert [data.part(part).n_samples for part in ("train", "validation", "test")] == [6, 1, 1]
    assert data.part("test").sample_ids != module.load(root, 1).part("test").sample_ids
    name = module.__name__.rpartition(".")[2]
    assert load_public(name, root, 2).checksum() == data.checksum()
    with pytest.raises(DataError, match="not bundled"):
        load_dataset(name)


def test_folds_out_of_range(module, root):
    for fold in (0, module.N_FOLDS + 1):
        with pytest.raises(DataError, match=f"fold is {fold}, expected 1 to {module.N_FOLDS}"):
            module.load(root, fold)
    with pytest.raises(DataError, match="no fold 3"):
        module.load(root, 3)


def test_metrics_are_known(module):
    known = classification_scores(np.array([0, 1]), np.eye(2))
    assert set(module.METRICS) <= set(known)
    assert module.CARD.licence.startswith("on request")
