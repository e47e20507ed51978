import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from redcore.data.formats import read
from redcore.export import load_model
from redcore.runs import prediction_table

IDS = [f"clip{(37 * i) % 60:02}" for i in range(60)]


def read_table(path):
    return pa.csv.read_csv(path) if path.suffix == ".csv" else pa.parquet.read_table(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".CSV"])
def test_unlabelled_data_keeps_its_ids_and_order(cli, linear_run, make_npz, tmp_path, suffix):
    out = tmp_path / f"predictions{suffix}"
    result = cli("predict", linear_run, make_npz(y=None, sample_id=IDS), "--out", out)
    assert result.status == 0
    assert f"60 predictions written to {out}" in result.out
    table = pa.csv.read_csv(out) if suffix != ".parquet" else pa.parquet.read_table(out)
    assert table.column_names == ["sample_id", "observed", "prediction", *(f"probability_{k}" for k in range(3))]
    assert table["sample_id"].to_pylist() == IDS
    assert set(table["observed"].to_pylist()) == {"audio+text"}
    probabilities = load_model(linear_run).predict(read(tmp_path / "data.npz"))
    stored = np.stack([table[f"probability_{k}"].to_numpy() for k in range(3)], axis=1)
    np.testing.assert_allclose(stored, probabilities, rtol=1e-12)
    assert table["prediction"].to_pylist() == probabilities.argmax(axis=1).tolist()


def test_known_labels_are_written_with_the_predictions(cli, linear_run, tmp_path):
    out = tmp_path / "predictions.parquet"
    assert cli("predict", linear_run, linear_run.parent / "data.npz", "--out", out).status == 0
    assert pa.parquet.read_table(out)["target"].to_pylist() == [i % 3 for i in range(60)]


@pytest.mark.parametrize(
    ("kind", "columns", "changes"),
    [
        ("binary", ["prediction", "probability_neg", "probability_pos"], {}),
        ("regression", ["prediction"], {}),
        ("regression", ["prediction_0", "prediction_1"], {"y": np.random.default_rng(0).normal(size=(60, 2))}),
        (
            "multilabel",
            [f"{column}_{label}" for column in ("prediction", "probability") for label in ("joy", "anger", "fear")],
            {"class_names": ["joy", "anger", "fear"]},
        ),
    ],
    ids=["binary", "regression", "two numbers", "multilabel"],
)
def test_columns_follow_the_kind_of_target(cli, make_npz, tmp_path, kind, columns, changes):
    data, out = make_npz(kind, **changes), tmp_path / "predictions.parquet"
    assert cli("fit", data, "--out", tmp_path / "run", "--method", "late_fusion").status == 0
    unlabelled = make_npz(kind, "new.npz", y=None, class_names=None)
    result = cli("predict", tmp_path / "run", unlabelled, "--out", out, "--json")
    assert result.json["columns"] == ["sample_id", "observed", *columns]
    assert result.json["n_samples"] == 60
    assert read_table(out).column_names == result.json["columns"]
    assert cli("predict", tmp_path / "run", unlabelled, "--out", tmp_path / "predictions.csv").status == 0
    assert read_table(tmp_path / "predictions.csv").num_rows == 60


@pytest.mark.filterwarnings("always::redcore.exceptions.EmptySampleWarning")
def test_a_sample_without_any_modality_gets_the_prior(cli, make_npz, tmp_path):
    data = make_npz("multiclass", y=np.minimum(np.arange(60) % 6, 2))
    assert cli("fit", data, "--out", tmp_path / "run", "--method", "late_fusion", "--test-fraction", 0).status == 0
    observed = np.arange(60) != 5
    missing = make_npz("multiclass", "missing.npz", has_audio=observed, has_text=observed & (np.arange(60) != 8))
    result = cli("predict", tmp_path / "run", missing, "--out", tmp_path / "out.parquet")
    assert result.status == 0
    assert "1 sample(s) observe no usable modality" in result.err
    rows = read_table(tmp_path / "out.parquet").to_pylist()
    assert [rows[i]["observed"] for i in (5, 8, 9)] == ["", "audio", "audio+text"]
    np.testing.assert_allclose([rows[5][f"probability_{k}"] for k in range(3)], [1 / 6, 1 / 6, 4 / 6], rtol=1e-12)


def test_a_modality_may_be_missing_from_the_file(cli, linear_run, make_npz, tmp_path):
    assert cli("predict", linear_run, make_npz(x_audio=None), "--out", tmp_path / "out.csv").status == 0
    assert set(read_table(tmp_path / "out.csv")["observed"].to_pylist()) == {"text"}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_older_file_is_replaced(cli, linear_run, make_npz, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    out.write_text("older")
    assert cli("predict", linear_run, make_npz(), "--out", out).status == 0
    assert read_table(out).num_rows == 60


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_failed_write_leaves_the_older_file_unchanged(cli, linear_run, make_npz, tmp_path, monkeypatch, suffix):
    def half(table, path):
        path.write_text("half")
        raise RuntimeError("no space left")

    monkeypatch.setattr(pa.csv, "write_csv", half)
    monkeypatch.setattr(pa.parquet, "write_table", half)
    out, data = tmp_path / f"out{suffix}", make_npz()
    out.write_text("older")
    assert cli("predict", linear_run, data, "--out", out).status == 1
    assert out.read_text() == "older"
    assert sorted(tmp_path.iterdir()) == sorted([data, out])


def test_invalid_data_leaves_the_older_file_unchanged(cli, linear_run, make_npz, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("older")
    assert cli("predict", linear_run, make_npz(x_text=np.zeros((60, 9))), "--out", out).status == 2
    assert out.read_text() == "older"


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("redcore.runs._sources.SAMPLES_AT_ONCE", 25)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_prediction_in_blocks_equals_prediction_at_once(
    cli, linear_run, make_npz, tmp_path, small_blocks, monkeypatch, suffix
):
    data = make_npz(sample_id=IDS)
    assert cli("predict", linear_run, data, "--out", tmp_path / f"blocks{suffix}").status == 0
    monkeypatch.setattr("redcore.runs._sources.SAMPLES_AT_ONCE", 1000)
    assert cli("predict", linear_run, data, "--out", tmp_path / f"complete{suffix}").status == 0
    blocks, complete = (read_table(tmp_path / f"{name}{suffix}") for name in ("blocks", "complete"))
    assert blocks.drop_columns(["probability_0", "probability_1", "probability_2"]).equals(
        complete.drop_columns(["probability_0", "probability_1", "probability_2"])
    )
    np.testing.assert_allclose(blocks["probability_1"].to_numpy(), complete["probability_1"].to_numpy(), rtol=1e-12)
    assert not (tmp_path / f".blocks{suffix}.parts").exists()


def test_an_interrupted_prediction_resumes(cli, linear_run, make_npz, tmp_path, small_blocks, monkeypatch):
    data, out, block_sizes = make_npz(sample_id=IDS), tmp_path / "out.csv", []

    def interrupt_third_call(method, block, outputs, *others):
        block_sizes.append(block.n_samples)
        if len(block_sizes) == 3:
            raise KeyboardInterrupt
        return prediction_table(method, block, outputs, *others)

    monkeypatch.setattr("redcore.runs._streaming.prediction_table", interrupt_third_call)
    assert cli("predict", linear_run, data, "--out", out).status == 130
    assert not out.exists()
    assert cli("predict", linear_run, data, "--out", out).status == 0
    # the first two blocks of 25 were kept, and the last block of 10 was predicted twice
    assert block_sizes == [25, 25, 10, 10]
    assert read_table(out)["sample_id"].to_pylist() == IDS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.npz", "out.csv"]


def test_blocks_of_another_request_are_discarded(cli, linear_run, make_npz, tmp_path, small_blocks):
    out = tmp_path / "out.csv"
    parts = tmp_path / ".out.csv.parts"
    parts.mkdir()
    (parts / "request.json").write_text('{"model": "another", "data": "another"}')
    (parts / "part-000000.parquet").write_bytes(b"of another")
    assert cli("predict", linear_run, make_npz(sample_id=IDS), "--out", out).status == 0
    assert read_table(out)["sample_id"].to_pylist() == IDS
    assert not parts.exists()


def test_a_large_parquet_table_is_streamed(cli, make_npz, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    columns = {f"a_{k}": rng.normal(size=60) for k in range(3)} | {"y": np.arange(60) % 2, "name": IDS}
    table = tmp_path / "table.parquet"
    pa.parquet.write_table(pa.table(columns), table)
    (tmp_path / "table.yaml").write_text("modalities: {audio: 'a_*'}\ntarget: y\nid: name\n")
    assert cli("fit", table, "--out", tmp_path / "run", "--method", "late_fusion").status == 0
    assert cli("predict", tmp_path / "run", table, "--out", tmp_path / "complete.csv").status == 0
    monkeypatch.setattr("redcore.runs._sources.SAMPLES_AT_ONCE", 25)
    monkeypatch.setattr("redcore.runs._sources.IN_MEMORY_BYTES", 10)
    assert cli("predict", tmp_path / "run", table, "--out", tmp_path / "streamed.csv").status == 0
    complete, streamed = read_table(tmp_path / "complete.csv"), read_table(tmp_path / "streamed.csv")
    assert streamed.column_names == [name for name in complete.column_names if name != "target"]
    assert streamed["sample_id"].to_pylist() == IDS
    assert streamed["prediction"].equals(complete["prediction"])


@pytest.mark.filterwarnings("always")
def test_declared_categories_are_those_of_the_training_data(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{i % 7},{('01', '1', '2')[i % 3]},{'uvu'[i % 3]}" for i in range(60)]
    (tmp_path / "train.csv").write_text("\n".join(["a_1,ward,y", *rows]))
    (tmp_path / "train.yaml").write_text("modalities: {a: a_1, stay: ward}\ntarget: y\ncategory: [ward]\n")
    assert cli("fit", "train.csv", "--out", "run", "--method", "late_fusion").status == 0
    (tmp_path / "new.csv").write_text("a_1,ward\n3,01\n3,1\n3,9\n3,\n")
    result = cli("predict", "run", "new.csv", "--out", "out.csv")
    assert result.status == 0
    assert "1 cells have categories that the training data does not have ('9')" in result.err
    assert read_table(tmp_path / "out.csv")["prediction"].to_pylist()[:2] == ["u", "v"]


@pytest.mark.filterwarnings("always")
def test_columns_of_the_command_line_are_those_of_later_files(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"p{i:02},{i % 2 + i / 100},{-i % 7},{i % 5},{'uv'[i % 2]}" for i in range(60)]
    (tmp_path / "train.csv").write_text("\n".join(["pid,a_1,a_2,b_1,y", *rows]))
    columns = ("--modality", "a=a_*", "--modality", "b=b_1", "--option", "target=y", "--option", "id=pid")
    assert cli("fit", "train.csv", *columns, "--out", "run", "--method", "late_fusion").status == 0
    (tmp_path / "same.csv").write_text("a_2,pid,a_1\n3,x,0.1\n1,y,1.1\n")
    result = cli("predict", "run", "same.csv", "--out", "out.csv")
    assert result.status == 0, result.err
    assert "no column of modality 'b' (b_1): it is missing" in result.err
    table = read_table(tmp_path / "out.csv")
    assert table["sample_id"].to_pylist() == ["x", "y"]
    assert table["prediction"].to_pylist() == ["u", "v"]
    (tmp_path / "part.csv").write_text("pid,a_1\nx,0.1\n")
    result = cli("predict", "run", "part.csv", "--out", "part.out.csv")
    assert result.status == 2
    assert "part.csv: modality 'a' has other features than in training (absent: 'a_2')" in result.err


def test_labels_of_dates_and_big_endian_arrays(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    codes = np.arange(60) % 2
    values = np.random.default_rng(0).normal(size=(60, 3)) + 2 * codes[:, None]
    group, ids = (np.arange(60) // 2).astype(">i4"), np.arange(100, 160).astype(">i8")
    np.savez("big.npz", x_a=values.astype(">f8"), y=codes.astype(">i4"), group=group, sample_id=ids)
    np.savez("native.npz", x_a=values, sample_id=np.arange(100, 160))
    rows = [f"{value},202{code}-01-01" for value, code in zip(values[:, 0], codes, strict=True)]
    (tmp_path / "dates.csv").write_text("\n".join(["a,y", *rows]))
    (tmp_path / "dates.yaml").write_text("modalities: {a: a}\ntarget: y\n")
    for source, new, classes in (
        ("big.npz", "native.npz", [0, 1]),
        ("dates.csv",) * 2 + (["2020-01-01", "2021-01-01"],),
    ):
        run, out = f"run_{source}", tmp_path / f"{source}.parquet"
        assert cli("fit", source, "--out", run, "--method", "late_fusion").status == 0
        assert cli("convert", source, "--out", f"store_{source[:3]}").status == 0
        assert cli("evaluate", run, f"store_{source[:3]}").status == 0
        assert cli("predict", run, new, "--out", out).status == 0
        predicted = np.array([str(label) for label in read_table(out)["prediction"].to_pylist()])
        assert (predicted == np.array(classes, dtype=str)[codes]).mean() > 0.7
    assert read_table(tmp_path / "big.npz.parquet")["sample_id"].to_pylist() == list(range(100, 160))
