"""MuData and AnnData files."""

import json
import sys
import warnings
from dataclasses import replace

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from factories import make_data
from redcore.data import MultimodalData, Schema
from redcore.data.formats import Expected, h5mu, read, read_for
from redcore.data.formats.h5mu import write_h5mu
from redcore.exceptions import DataError, DataWarning, EmptySampleWarning
from samples.formats.h5mu import categories, frame, without_pull, write_sample

CELLS = ["c1", "c2", "c3", "c4"]


@pytest.fixture
def sample(tmp_path):
    return write_sample(tmp_path)


def write_anndata(path, values=None, obs=None, var=None, **parts):
    values = np.arange(12, dtype=np.float32).reshape(4, 3) if values is None else values
    obs = frame(CELLS, kind=categories(["a", "b", "a", "b"])) if obs is None else obs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anndata.AnnData(values, obs, frame(["g1", "g2", "g3"]) if var is None else var, **parts).write_h5ad(path)
    return path


def test_assays_are_modalities_aligned_by_cell(sample):
    data = read(sample)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = mudata.read_h5mu(sample)
    assert data.sample_ids.tolist() == file.obs_names.tolist()
    assert data.feature_names == {"protein": ("CD3", "CD19"), "rna": ("gene0", "gene1", "gene2", "gene3", "gene4")}
    for name, modality in data.modalities.items():
        assay = file.mod[name][data.sample_ids[modality.availability]].X
        np.testing.assert_array_equal(modality.values, assay.toarray() if sparse.issparse(assay) else assay)
    assert data.target.classes[data.target.values].tolist() == file.obs["target"].tolist()
    assert data.groups.tolist() == file.obs["group"].tolist()
    assert data.missing_rates == {"protein": 0.25, "rna": 0.0}


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.bool_])
def test_matrices_of_every_kind(tmp_path, convert, dtype):
    values = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 1, 0]], dtype=dtype)
    data = read(write_anndata(tmp_path / "x.h5ad", convert(values)), options={"target": "kind"})
    np.testing.assert_array_equal(data.modalities["X"].values, values.astype(float))
    assert data.target.classes.tolist() == ["a", "b"]


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_compressed_files(tmp_path, compression):
    path = tmp_path / "x.h5ad"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adata = anndata.AnnData(np.eye(4, 3, dtype=np.float32), frame(CELLS), frame(["g1", "g2", "g3"]))
        adata.write_h5ad(path, compression=compression)
    assert read(path).modalities["X"].values.tolist() == np.eye(4, 3).tolist()


def test_features_are_assigned_to_assays_by_a_column_of_var(tmp_path):
    var = frame(["g1", "g2", "CD3"], feature_types=categories(["Gene", "Gene", "Antibody"]))
    values = sparse.csr_matrix(np.arange(12.0).reshape(4, 3))
    data = read(write_anndata(tmp_path / "x.h5ad", values, var=var), options={"assay": "feature_types"})
    assert data.feature_names == {"Antibody": ("CD3",), "Gene": ("g1", "g2")}
    assert data.modalities["Antibody"].values.ravel().tolist() == [2, 5, 8, 11]


def test_layers_and_obsm(tmp_path):
    pca = np.array([[1, 2], [np.nan, np.nan], [5, 6], [7, 8]])
    panel = frame(CELLS, cd3=np.arange(4.0))
    path = write_anndata(tmp_path / "x.h5ad", layers={"log": np.ones((4, 3))}, obsm={"X_pca": pca, "panel": panel})
    data = read(path, options={"layer": "log", "obsm": "X_pca,panel"})
    assert data.names == ("X", "X_pca", "panel")
    assert (data.modalities["X"].values == 1).all()
    assert data.modalities["X_pca"].availability.tolist() == [True, False, True, True]
    assert data.feature_names["panel"] == ("cd3",)
    with pytest.raises(DataError, match=r"x\.h5ad: no 'counts' in layers of the file; entries: log"):
        read(path, options={"layer": "counts"})
    with pytest.raises(DataError, match=r"no 'pca' in obsm of the file; entries: X_pca, panel"):
        read(path, options={"obsm": "pca"})


def test_categories_are_written_and_read(tmp_path):
    table = pd.DataFrame({"age": [61.0, 47.0, 52.0], "ward": pd.Categorical(["x/1", None, "y"], ["y", "x/1", "ö"])})
    data = MultimodalData.from_arrays({"patient": table, "lab": [[1.0], None, [3.0]]}, sample_ids=["a", "b", "c"])
    write_h5mu(data, tmp_path / "x.h5mu")
    again = read(tmp_path / "x.h5mu")
    assert again.categories == data.categories == {"patient": {"ward": ("y", "x/1", "ö")}}
    assert again.checksum() == data.checksum()
    write_h5mu(data.select(["patient"]), tmp_path / "x.h5ad")
    assert read(tmp_path / "x.h5ad").categories == {"X": {"ward": ("y", "x/1", "ö")}}


@pytest.mark.parametrize("content", ["[]", "{", '{"age": 1}', '{"age": [1]}'])
def test_damaged_categories_are_named(tmp_path, content):
    path = write_anndata(tmp_path / "x.h5ad")
    with h5py.File(path, "a") as file:
        file.require_group("uns")["redcore_categories"] = content
        file["uns/redcore_categories"].attrs.update({"encoding-type": "string", "encoding-version": "0.2.0"})
    with pytest.raises(DataError, match=r"x.h5ad: redcore_categories of assay 'X' is not a JSON object of lists"):
        read(path)


def test_prediction_needs_no_columns_of_obs(tmp_path):
    path = write_anndata(tmp_path / "x.h5ad")
    schema = Schema.of(read(path, options={"target": "kind"}))
    expected = Expected(schema, False, "h5mu", {"target": "label", "group": "donor"})
    assert read_for(path, expected).target is None
    with pytest.raises(DataError, match="obs has no column 'label'"):
        read_for(path, replace(expected, needs_target=True))
    with pytest.warns(DataWarning, match="labels are ignored"):
        assert (
            read_for(
                path,
                replace(expected, schema=replace(schema, classes=np.array(["x", "y"])), options={"target": "kind"}),
            ).target
            is None
        )


def test_columns_of_assays(tmp_path):
    path = tmp_path / "x.h5mu"
    with warnings.catch_warnings(), without_pull():
        warnings.simplefilter("ignore")
        rna = anndata.AnnData(
            np.ones((2, 1), np.float32), frame(["a", "b"], kind=[1, 2], dose=[0.5, 1.0]), frame(["g"])
        )
        atac = anndata.AnnData(np.ones((2, 1), np.float32), frame(["b", "c"], kind=[2, 3]), frame(["p"]))
        file = mudata.MuData({"rna": rna, "atac": atac})
        file.obs.index, file.var.index = file.obs.index.astype(object), file.var.index.astype(object)
        file.write(path)
    data = read(path, options={"target": "kind"})
    assert dict(zip(data.sample_ids.tolist(), data.target.values.tolist(), strict=True)) == {"a": 0, "b": 1, "c": 2}
    with pytest.raises(DataError, match=r"x.h5mu: target 'rna:dose': labels missing: row \d has none"):
        read(path, options={"target": "rna:dose"})
    with h5py.File(path, "a") as damaged:
        damaged["mod/atac/obs/kind"][0] = 9
    with pytest.raises(DataError, match="column 'kind' of sample 'b' differs between assays"):
        read(path, options={"target": "kind"})


@pytest.mark.parametrize(
    ("column", "task", "kind"),
    [
        ([1, 2, 3, 1], "auto", "multiclass"),
        ([1, 2, 3, 1], "numbers", "regression"),
        ([0.5, 2, 3, 1], "auto", "regression"),
        ([True, False, True, True], "auto", "binary"),
        ([0, 1, 1, 0], "labels", "multilabel"),
    ],
)
def test_kinds_of_targets(tmp_path, column, task, kind):
    path = write_anndata(tmp_path / "x.h5ad", obs=frame(CELLS, y=column))
    assert read(path, options={"target": "y", "task": task}).target.kind == kind


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
@pytest.mark.filterwarnings("error")
def test_written_files_are_read_again(tmp_path, kind):
    data = make_data(kind, 24)
    data = MultimodalData(
        data.modalities, data.target, np.arange(24) % 3, data.sample_ids.astype(str), np.arange(24) % 3,
        {"text": tuple(f"w{i}" for i in range(data.modalities["text"].n_features))},
    )  # fmt: skip
    path = tmp_path / "x.h5mu"
    write_h5mu(data, path, title="cells", licence="")
    columns = [f"target_{name}" for name in data.target.classes] if kind == "multilabel" else ["target"]
    again = read(path, options={"target": ",".join(columns)})
    assert again.names == data.names
    for name in data.names:
        np.testing.assert_array_equal(again.modalities[name].availability, data.modalities[name].availability)
        np.testing.assert_array_equal(again.modalities[name].values, data.modalities[name].values)
    np.testing.assert_array_equal(again.target.values, data.target.values)
    assert again.target.kind == kind
    assert again.groups.tolist() == data.groups.tolist()
    assert again.split.tolist() == data.split.tolist()
    assert again.feature_names["text"] == data.feature_names["text"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = mudata.read_h5mu(path)
    assert file.uns["title"] == "cells"
    assert file.mod["text"].var_names.tolist() == list(data.feature_names["text"])


def test_what_cannot_be_written(tmp_path):
    data = MultimodalData.from_arrays({"a": [[1.0], None, None], "b": [[1.0], [2.0], None]})
    with pytest.raises(DataError, match=r"one modality, got 2; write an .h5mu file"):
        write_h5mu(data, tmp_path / "x.h5ad")
    with pytest.raises(DataError, match=r"expected a file name ending in .h5mu or .h5ad"):
        write_h5mu(data, tmp_path / "x.h5")
    with pytest.raises(DataError, match="modality 's' contains sequences"):
        write_h5mu(MultimodalData.from_arrays({"s": np.ones((2, 3, 1))}), tmp_path / "x.h5mu")
    with pytest.warns(EmptySampleWarning, match="1 samples without any modality are not written"):
        write_h5mu(data, tmp_path / "x.h5mu")
    assert read(tmp_path / "x.h5mu").n_samples == 2
    with pytest.raises(DataError, match="exists already; nothing is overwritten"):
        write_h5mu(data, tmp_path / "x.h5mu")


def test_redcore_convert_writes_and_reads(sample, tmp_path, cli):
    assert cli("convert", sample, "--out", tmp_path / "store").status == 0
    result = cli("convert", tmp_path / "store", "--out", tmp_path / "new.h5mu", "--json")
    assert result.status == 0
    assert read(tmp_path / "new.h5mu").checksum() == read(sample).checksum() == json.loads(result.out)["checksum"]


def test_sparse_matrix_that_does_not_fit_in_memory(sample, monkeypatch):
    monkeypatch.setattr(h5mu, "available_memory", lambda: 100)
    with pytest.raises(DataError, match=r"cells.h5mu: assay 'rna' is sparse with shape \(8, 5\) and needs 0.0 GiB"):
        read(sample)


def test_absent_packages(sample, monkeypatch):
    monkeypatch.setitem(sys.modules, "mudata", None)
    for use in (lambda: read(sample), lambda: write_h5mu(make_data(), sample.with_name("y.h5mu"))):
        with pytest.raises(DataError, match=r"need anndata and mudata: pip install 'redcore\[omics\]'"):
            use()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"target": "nothing"}, "obs has no column 'nothing'; columns: kind"),
        ({"group": "nothing"}, "obs has no column 'nothing'"),
        ({"assay": "nothing"}, "var has no column 'nothing'"),
        ({"target": "kind", "task": "numbers"}, "target 'kind': label 'a' in row 0 is not a number"),
        ({"split": "kind"}, "split of row 0 is 'a'"),
    ],
)
def test_invalid_options_are_named(tmp_path, changes, text):
    path = write_anndata(tmp_path / "x.h5ad")
    with pytest.raises(DataError, match=rf"x.h5ad: .*{text}"):
        read(path, options=changes)


def test_invalid_files_are_named(sample, tmp_path):
    twice = write_anndata(tmp_path / "twice.h5ad", obs=frame(["c1", "c1", "c3", "c4"]))
    with pytest.raises(DataError, match=r"twice.h5ad: .*'c1' occurs twice"):
        read(twice)
    text = write_anndata(
        tmp_path / "text.h5ad",
        obsm={"panel": frame(CELLS, a=categories(list("abcd")))},
    )
    with pytest.raises(DataError, match="matrix of assay 'panel' is of type object"):
        read(text, options={"obsm": "panel"})
    with pytest.raises(DataError, match="the option 'assay' is for"):
        read(sample, options={"assay": "kind"})
    with h5py.File(sample, "a") as file:
        file["mod/rna/X/indices"][0] = 99
    with pytest.raises(DataError, match=r"cells.h5mu: the sparse matrix of assay 'rna' is damaged"):
        read(sample)
    with h5py.File(sample, "a") as file:
        file["link"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(DataError, match="links are not followed"):
        read(sample)
    with h5py.File(tmp_path / "loop.h5ad", "w") as file:
        file["inner/outer"] = file["/"]
    with pytest.raises(DataError, match="a group within itself"):
        read(tmp_path / "loop.h5ad")
    with h5py.File(tmp_path / "other.h5ad", "w") as file:
        file["numbers"] = np.ones(3)
    with pytest.raises(DataError, match=r"obs of assay 'X' is absent"):
        read(tmp_path / "other.h5ad")
