"""``redcore join``."""

import numpy as np
import pytest

from redcore.data.formats import read

FILES = {
    "rna.csv": "gene,001,002,003\ng1,1,2,3\ng2,4,5,6\n",
    "blood.csv": "patient_id,crp\n002,0.2\n003,0.3\n004,0.4\n",
    "labels.csv": "patient_id,outcome\n001,ill\n002,well\n003,ill\n004,well\n",
}
COMMAND = (
    "join", "--modality", "rna=rna.csv", "--modality", "blood=blood.csv", "--transpose", "rna",
    "--target", "labels.csv:outcome", "--id", "patient_id", "--out", "store",
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_store_and_report(cli, folder):
    result = cli(*COMMAND, "--title", "cohort")
    assert result.status == 0
    assert "Missing patterns" in result.out
    assert "4 samples" in result.out
    data = read(folder / "store")
    assert data.sample_ids.tolist() == ["001", "002", "003", "004"]
    assert data.feature_names == {"blood": ("crp",), "rna": ("g1", "g2")}
    assert data.availability.sum(axis=0).tolist() == [3, 3]


def test_json(cli, folder):
    content = cli(*COMMAND, "--json").json
    assert content["n_samples"] == 4
    assert content["modalities"]["rna"] == {"source": "rna.csv", "n_ids": 3, "n_observed": 3, "n_only_here": 1}
    assert content["patterns"][0] == {"observed": ["blood", "rna"], "n_samples": 2}
    assert content["checksum"] == read(folder / "store").checksum()


@pytest.mark.filterwarnings("always")
def test_ids_of_different_form_are_a_message(cli, folder):
    (folder / "blood.csv").write_text("patient_id,crp\n002,0.2\n3,0.3\n004,0.4\n")
    result = cli(*COMMAND)
    assert result.status == 0
    assert "warning: 1 ids of blood.csv and rna.csv differ in form only, such as '3' and '003'" in result.err


def test_joined_store_is_fitted(cli, folder):
    rows = "".join(f"{n:03d},{n % 7},{n * 3 % 5}\n" for n in range(40))
    (folder / "rna.csv").write_text(f"patient_id,g1,g2\n{rows}")
    (folder / "blood.csv").write_text("patient_id,crp\n" + "".join(f"{n:03d},{n % 3}\n" for n in range(5, 40)))
    (folder / "labels.csv").write_text("patient_id,outcome\n" + "".join(f"{n:03d},{n % 2}\n" for n in range(40)))
    command = [argument for argument in COMMAND if argument not in ("--transpose",)]
    command.remove("rna")
    assert cli(*command).status == 0
    assert cli("fit", "store", "--out", "run", "--method", "late_fusion").status == 0


def test_options_of_tables(cli, folder):
    (folder / "blood.csv").write_text("patient_id;crp;ward\n002;0,2;01\n003;-9;1\n004;0,4;01\n")
    (folder / "labels.csv").write_text("patient_id;outcome\n001;ill\n002;well\n003;ill\n004;well\n")
    (folder / "rna.csv").write_text("gene;001;002;003\ng1;1;2;3\ng2;4;5,5;6\n")
    options = [argument for option in ("delimiter=;", "decimal=,", "na_values=-9", "category=ward")
               for argument in ("--option", option)]  # fmt: skip
    assert cli(*COMMAND, *options).status == 0
    data = read(folder / "store")
    assert data.categories == {"blood": {"ward": ("01", "1")}}
    np.testing.assert_array_equal(data.modalities["blood"].values, np.float32([[0.2, 0], [np.nan, 1], [0.4, 0]]))
    assert data.modalities["rna"].values[1].tolist() == [2, 5.5]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--modality", "dna=dna.csv"), "dna.csv: no such file or folder (modality 'dna')"),
        (("--modality", "dna"), "expected key=value"),
        (("--task", "ranks"), "unknown task 'ranks'"),
        (("--transpose", "dna"), "unknown modality 'dna'"),
        (("--group", "labels.csv:site"), "labels.csv: no column 'site'"),
        (("--nan-rows", "guess"), "unknown nan_rows 'guess'"),
        (("--option", "category=bed"), "category: no column of features matches 'bed'; files: blood.csv, rna.csv"),
        (("--option", "delimeter=;"), "unknown setting 'delimeter'"),
        (("--option", "delimiter=ab"), "expected one ASCII character"),
        (("--option", "delimiter"), "expected key=value"),
    ],
)
def test_invalid_arguments(cli, folder, arguments, text):
    result = cli(*COMMAND, *arguments)
    assert result.status == 2
    assert text in result.err
    assert not (folder / "store").exists()


def test_nothing_is_overwritten(cli, folder):
    (folder / "store").mkdir()
    result = cli(*COMMAND)
    assert result.status == 2
    assert "store: exists already; nothing is overwritten" in result.err
