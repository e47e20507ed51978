import io
import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest

from redcore.cli import main
from redcore.datasets import load_dataset

LINEAR = ("--method", "late_fusion")
MODEL_FILES = ("model.json", "model.safetensors")


def assert_rejected(result, *fragments):
    """Assert that a command rejected its input: status 2, no stdout, one line on stderr with all `fragments`."""
    assert result.status == 2, result
    assert result.out == ""
    assert result.err.startswith("redcore: ")
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err
    for fragment in fragments:
        assert str(fragment) in result.err


@pytest.fixture
def run(linear_run, tmp_path):
    """Return a copy of a finished run that a test may damage."""
    return shutil.copytree(linear_run, tmp_path / "run")


USAGE = {
    "unknown command": (["nosuch"], ["nosuch"]),
    "unknown option": (["fit", "digits", "--out", "run", "--nosuch"], ["--nosuch"]),
    "no data": (["fit", "--out", "run"], ["data"]),
    "no out": (["fit", "digits"], ["--out"]),
    "one argument too many": (["fit", "digits", "digits", "--out", "run"], ["digits"]),
    "unknown list": (["list", "nosuch"], ["nosuch", "presets"]),
    "nothing to list": (["list"], ["presets"]),
    "seed is text": (["fit", "digits", "--out", "run", "--seed", "x"], ["--seed"]),
    "seed is negative": (["fit", "digits", "--out", "run", "--seed", "-1"], ["--seed"]),
    "seed is too large": (["demo", "--seed", str(2**32)], ["--seed"]),
    "test fraction": (["fit", "digits", "--out", "run", "--test-fraction", "0.95"], ["--test-fraction"]),
    "rows": (["evaluate", "run", "digits", "--rows", "some"], ["--rows", "some"]),
}


@pytest.mark.parametrize(("arguments", "fragments"), USAGE.values(), ids=USAGE)
def test_usage(cli, tmp_path, monkeypatch, arguments, fragments):
    monkeypatch.chdir(tmp_path)
    assert_rejected(cli(*arguments), *fragments)
    assert not list(tmp_path.iterdir())


REQUESTS = {
    "preset": (["--preset", "nosuch"], ["unknown preset 'nosuch'", "aaai2024"]),
    "preset of another method": (
        [*LINEAR, "--preset", "aaai2024"],
        ["'aaai2024' belongs to method 'redcore_released'"],
    ),
    "method": (["--method", "redcor"], ["unknown method 'redcor'", "did you mean 'redcore'"]),
    "protocol": (
        ["--protocol", "nosuch", "--missing-rate", "0.1"],
        ["unknown missing protocol 'nosuch'", "imbalanced"],
    ),
    "protocol, though nothing is hidden": (["--protocol", "nosuch"], ["unknown missing protocol 'nosuch'"]),
    "setting": (["--set", "max_epoch=3"], ["unknown setting 'max_epoch'", "did you mean 'max_epochs'"]),
    "setting of another method": ([*LINEAR, "--set", "max_epochs=3"], ["unknown setting 'max_epochs'"]),
    "setting without value": (["--set", "max_epochs"], ["--set 'max_epochs'", "key=value"]),
    "modality without columns": (["--modality", "lab"], ["--modality 'lab'", "key=value"]),
    "setting out of bounds": (["--set", "max_epochs=0"], ["'max_epochs' is '0'", "greater than or equal to 1"]),
    "setting too large": (["--set", "head_dropout=1"], ["'head_dropout' is '1'", "less than 1"]),
    "setting of another type": (["--set", "latent_dim=wide"], ["'latent_dim' is 'wide'"]),
    "setting is NaN": (["--set", "learning_rate=nan"], ["'learning_rate' is 'nan'"]),
    "setting among choices": (["--set", "schedule=slow"], ["'schedule' is 'slow'", "'cosine'"]),
    "settings that do not go together": (["--set", "latent_dim=6"], ["redcore: latent_dim 6", "encoder_heads 4"]),
    "encoder": (["--set", "encoder=nosuch"], ["redcore: setting 'encoder'", "unknown encoder 'nosuch'", "transformer"]),
    "rule": (["--set", "balancing=nosuch"], ["redcore: setting 'balancing'", "unknown balancing rule 'nosuch'"]),
    "modality of a rate": (["--missing-rate", "txt=0.5"], ["unknown modality 'txt'", "did you mean 'text'"]),
    "nameless modality": (["--missing-rate", "=0.5"], ["unknown modality ''"]),
    "rate above 1": (["--missing-rate", "text=1.5"], ["'text' is 1.5", "[0, 1]"]),
    "rate below 0": (["--missing-rate", "text=-0.1"], ["'text' is -0.1", "[0, 1]"]),
    "rate is NaN": (["--missing-rate", "text=nan"], ["'text' is nan", "[0, 1]"]),
    "rate is text": (["--missing-rate", "text=half"], ["'text=half'", "MODALITY=RATE"]),
    "rates leave samples empty": (["--missing-rate", "0.6"], ["at least one modality", "--allow-empty"]),
    "rates differ": (["--protocol", "shared", "--missing-rate", "text=0.5"], ["'shared' needs one rate"]),
}


@pytest.mark.parametrize(("options", "fragments"), REQUESTS.values(), ids=REQUESTS)
def test_fit_rejects_the_request(cli, make_npz, tmp_path, options, fragments):
    assert_rejected(cli("fit", make_npz(), "--out", tmp_path / "run", *options), *fragments)
    assert not (tmp_path / "run").exists()


def test_fit_rejects_data_without_observed_modalities(cli, make_npz, tmp_path):
    hidden = ("--missing-rate", "1", "--allow-empty")
    assert_rejected(
        cli("fit", make_npz(), "--out", tmp_path / "run", *LINEAR, *hidden), "all modalities are missing everywhere"
    )


def with_invalid_value(value, row=7, feature=2):
    values = np.ones((60, 4))
    values[row, feature] = value
    return values


DATA = {
    "inf": ({"x_text": with_invalid_value(np.inf)}, ["modality 'text', row 7, feature 2", "inf"]),
    "too large for float32": ({"x_text": with_invalid_value(-1e39)}, ["modality 'text', row 7, feature 2", "float32"]),
    "inf within a sequence": (
        {"x_clip": np.repeat(with_invalid_value(np.inf)[:, None], 3, axis=1), "len_clip": np.full(60, 2)},
        ["modality 'clip'", "row 7", "inf"],
    ),
    "text for numbers": ({"x_text": np.full((60, 4), "a")}, ["'text'", "not numbers"]),
    "complex": ({"x_text": np.ones((60, 4), dtype=complex)}, ["'text'", "complex"]),
    "rows": ({"x_text": np.ones((59, 4))}, ["'text'", "59"]),
    "no dimension": ({"x_text": np.ones(())}, ["'text'"]),
    "five dimensions": ({"x_text": np.ones((60, 2, 2, 2, 2))}, ["'text'"]),
    "no modality": ({"x_audio": None, "x_text": None}, ["'x_<modality>'", "keys: y"]),
    "no samples": ({"x_audio": np.ones((0, 3)), "x_text": np.ones((0, 4)), "y": np.ones(0, int)}, ["no samples"]),
    "labels of other length": ({"y": np.zeros(59, int)}, ["59"]),
    "labels of no dimension": ({"y": np.array(1)}, ["labels have shape ()"]),
    "some labels missing": ({"y": np.where(np.arange(60) == 4, np.nan, 1.5)}, ["labels missing: row 4"]),
    "class names of no dimension": ({"class_names": np.array("a")}, ["class_names has shape ()"]),
    "too few class names": ({"class_names": ["a", "b"]}, ["classes 0 to 2", "expected 0 to 1 as in class_names"]),
    "class names twice": ({"class_names": ["a", "b", "a"]}, ["not unique"]),
    "label names twice": ({"y": np.eye(60, 3, dtype=int), "class_names": ["a", "b", "a"]}, ["not unique"]),
    "availability of nothing": ({"has_video": np.ones(60)}, ["unknown modality 'video'"]),
    "availability is no flag": ({"has_text": np.full(60, 2)}, ["'text'"]),
    "lengths of nothing": ({"len_video": np.ones(60)}, ["unknown modality 'video'"]),
    "lengths too large": ({"x_s": np.ones((60, 3, 2)), "len_s": np.full(60, 4)}, ["'s'", "row 0 is 4"]),
    "split": ({"split": np.full(60, 3)}, ["split of row 0"]),
    "sample ids twice": ({"sample_id": np.zeros(60, int)}, ["sample id 0 occurs 60 times"]),
    "ids of no known text": ({"sample_id": np.array([b"\xff%d" % i for i in range(60)])}, ["utf-8"]),
}


@pytest.mark.parametrize(("changes", "fragments"), DATA.values(), ids=DATA)
def test_every_command_rejects_invalid_data(cli, make_npz, linear_run, tmp_path, changes, fragments):
    data = make_npz(**changes)
    file = () if "unknown modality" in fragments[0] else (data,)
    assert_rejected(cli("fit", data, "--out", tmp_path / "run"), *fragments, *file)
    assert_rejected(cli("evaluate", linear_run, data), *fragments)
    if "y" not in changes or "class_names" in changes:
        # predict needs no labels
        assert_rejected(cli("predict", linear_run, data, "--out", tmp_path / "out.csv"), *fragments)
    assert list(tmp_path.iterdir()) == [data]


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"y": None}, "labels are missing"),
        ({"y": np.full(60, 2)}, "only one class"),
        ({"has_audio": np.zeros(60), "has_text": np.zeros(60)}, "all modalities are missing everywhere"),
        ({"split": np.full(60, 2)}, "no sample is left for training"),
    ],
)
def test_fit_rejects_data_without_information(cli, make_npz, tmp_path, small, changes, fragment):
    assert_rejected(cli("fit", make_npz(**changes), "--out", tmp_path / "run", *small), fragment)


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"x_text": np.ones((60, 9))}, "modality 'text' has 9 features, expected 4"),
        ({"x_text": np.ones((60, 2, 4))}, "'text' contains sequences, expected vectors"),
        ({"x_video": np.ones((60, 2))}, "unknown modality 'video'"),
    ],
)
def test_data_must_match_the_model(cli, make_npz, linear_run, tmp_path, changes, fragment):
    data = make_npz(**changes)
    assert_rejected(cli("evaluate", linear_run, data), fragment)
    assert_rejected(cli("predict", linear_run, data, "--out", tmp_path / "out.csv"), fragment)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"y": None}, "labels are missing"),
        ({"y": np.arange(60) % 4}, "label 3 in row 3 is not among the classes [0, 1, 2]"),
        ({"y": np.full(60, "joy")}, "label 'joy' in row 0 is not among the classes [0, 1, 2]"),
        ({"y": np.linspace(0, 1, 60)}, "is not among the classes"),
        ({"y": np.eye(60, 3, dtype=int)}, "expected 1 dimension"),
    ],
)
def test_evaluate_rejects_the_labels(cli, make_npz, linear_run, changes, fragment):
    assert_rejected(cli("evaluate", linear_run, make_npz(**changes)), fragment)


def test_test_rows_that_do_not_exist(cli, make_npz, linear_run):
    assert_rejected(cli("evaluate", linear_run, make_npz(n_samples=30), "--rows", "test"), "--rows all")


class Bomb:
    """Object that fails the test if it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickled object was executed",))


def saved(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def single(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


UNRECOGNISED = {
    "pickled array": (saved(x_text=np.array([Bomb()] * 3, dtype=object)), "'x_text' contains pickled objects"),
    "pickled extra": (saved(x_text=np.ones((3, 2)), more=np.array([Bomb()])), "'more' contains pickled objects"),
    "a pickle": (pickle.dumps(Bomb()), "not a readable npz archive"),
    "one array": (single(np.ones((3, 2))), "expected an npz archive"),
    "text": (b"audio,text\n1,2\n", "not a readable npz archive"),
    "empty": (b"", "not a readable npz archive"),
    "an empty archive": (saved(), "keys: none"),
}


@pytest.mark.parametrize(("raw", "fragment"), UNRECOGNISED.values(), ids=UNRECOGNISED)
def test_unrecognised_files(cli, linear_run, tmp_path, raw, fragment):
    data = tmp_path / "data.npz"
    data.write_bytes(raw)
    assert_rejected(cli("fit", data, "--out", tmp_path / "run"), data, fragment)
    assert_rejected(cli("predict", linear_run, data, "--out", tmp_path / "out.csv"), data, fragment)
    assert list(tmp_path.iterdir()) == [data]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_truncated_data(cli, make_npz, tmp_path, share):
    data = make_npz()
    raw = data.read_bytes()
    data.write_bytes(raw[: int(share * len(raw))])
    assert_rejected(cli("fit", data, "--out", tmp_path / "run"), data)


def test_a_flipped_bit_in_the_data_is_never_an_internal_error(linear_run, make_npz, tmp_path, capsys):
    data = make_npz()
    raw = bytearray(data.read_bytes())
    # these positions include the flags for encryption and the compression method of archive members
    for position in [*range(0, 40), *range(len(raw) - 260, len(raw))]:
        for bit in (1, 32):
            raw[position] ^= bit
            data.write_bytes(raw)
            raw[position] ^= bit
            status = main(["predict", str(linear_run), str(data), "--out", str(tmp_path / "out.csv")])
            error = capsys.readouterr().err
            assert status in (0, 2), (position, bit, error)
            # a prediction of changed data may warn that it differs from the training data
            assert status == 0 or error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("nosuch.npz", "neither a file nor a data set (breast_cancer, ch_sims, cmu_mosei, cmu_mosi, diabetes, digits"),
        ("data.csv", "columns of the modalities are not defined"),
        (".", "npz"),
    ],
)
def test_data_that_does_not_exist(cli, linear_run, tmp_path, name, fragment):
    if name.endswith("csv"):
        (tmp_path / name).write_text("a,b\n")
    assert_rejected(cli("fit", tmp_path / name, "--out", tmp_path / "run"), fragment)
    assert_rejected(cli("evaluate", linear_run, tmp_path / name), fragment)


def test_a_folder_is_no_data_file(cli, tmp_path):
    (tmp_path / "data.npz").mkdir()
    assert_rejected(cli("fit", tmp_path / "data.npz", "--out", tmp_path / "run"), tmp_path / "data.npz")


@pytest.mark.parametrize("file", MODEL_FILES)
@pytest.mark.parametrize("position", [0.0, 0.03, 0.25, 0.5, 0.75, 0.999])
@pytest.mark.parametrize("bit", [1, 32, 128])
def test_a_flipped_bit_in_the_model(cli, run, linear_run, tmp_path, file, position, bit):
    path = run / "model" / file
    raw = bytearray(path.read_bytes())
    raw[int(position * len(raw))] ^= bit
    path.write_bytes(raw)
    data = linear_run.parent / "data.npz"
    assert_rejected(cli("evaluate", run, data), path)
    assert_rejected(cli("predict", run, data, "--out", tmp_path / "out.csv"), path)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("file", MODEL_FILES)
@pytest.mark.parametrize("content", [None, b"", b"{}", b"[1]", b"\x80\x04N.", "half"])
def test_a_truncated_or_unrecognised_model(cli, run, linear_run, file, content):
    path = run / "model" / file
    raw = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(raw[: len(raw) // 2] if content == "half" else content)
    assert_rejected(cli("evaluate", run, linear_run.parent / "data.npz"), file)


def test_files_of_another_model(cli, run, make_npz, tmp_path):
    data = make_npz(n_samples=90)
    assert cli("fit", data, "--out", tmp_path / "other", *LINEAR).status == 0
    shutil.copy(tmp_path / "other" / "model" / "model.safetensors", run / "model")
    assert_rejected(cli("evaluate", run, data), run / "model" / "model.safetensors", "checksum")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"request": 3}', '{"request": {"seed": 0}}', '{"request": null}']
)
def test_a_damaged_record(cli, run, linear_run, content):
    (run / "run.json").write_text(content)
    assert_rejected(cli("evaluate", run, linear_run.parent / "data.npz"), run / "run.json", "damaged")


@pytest.mark.parametrize("content", [None, "", "PAR1"])
def test_damaged_samples(cli, run, linear_run, content):
    (run / "samples.parquet").unlink()
    if content is not None:
        (run / "samples.parquet").write_text(content)
    assert_rejected(cli("evaluate", run, linear_run.parent / "data.npz"), run / "samples.parquet", "absent or damaged")


def test_folder_without_a_run(cli, tmp_path):
    assert_rejected(cli("evaluate", tmp_path / "nosuch", "digits"), tmp_path / "nosuch", "no run")
    assert_rejected(cli("predict", tmp_path, "digits", "--out", tmp_path / "out.csv"), tmp_path, "no run")


@pytest.mark.parametrize(
    ("out", "fragment"),
    [("out.txt", ".csv or .parquet"), ("out", ".csv or .parquet"), ("nosuch/out.csv", "does not exist"),
     ("folder.csv", "is a folder")],
)  # fmt: skip
def test_invalid_output_path_of_predict(cli, linear_run, tmp_path, out, fragment):
    (tmp_path / "folder.csv").mkdir()
    assert_rejected(
        cli("predict", linear_run, linear_run.parent / "data.npz", "--out", tmp_path / out), tmp_path / out, fragment
    )
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


def test_existing_output_folder(cli, run, make_npz, tmp_path):
    data = make_npz()
    before = (run / "run.json").read_bytes()
    assert_rejected(cli("fit", data, "--out", run, *LINEAR), run, "holds a finished run")
    assert_rejected(cli("fit", data, "--out", run, *LINEAR, "--resume"), run, "holds a finished run")
    assert (run / "run.json").read_bytes() == before
    assert_rejected(cli("fit", data, "--out", tmp_path, *LINEAR), tmp_path, "exists and is not a run folder")
    assert_rejected(cli("fit", data, "--out", data, *LINEAR), data, "exists and is not a run folder")
    assert_rejected(cli("fit", data, "--out", data / "run", *LINEAR), data / "run", "cannot be written")
    assert_rejected(cli("demo", "--out", tmp_path), tmp_path, "exists and is not a run folder")


@pytest.fixture
def unfinished(run):
    (run / "run.json").unlink()
    return run


def test_an_unfinished_run_is_not_a_run(cli, unfinished, linear_run):
    data = linear_run.parent / "data.npz"
    assert_rejected(cli("evaluate", unfinished, data), "an unfinished run")
    assert_rejected(cli("fit", data, "--out", unfinished, *LINEAR), "add --resume")
    assert cli("fit", data, "--out", unfinished, *LINEAR, "--resume").status == 0
    assert cli("evaluate", unfinished, data).status == 0


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        ((*LINEAR, "--seed", "1"), ["seed was 0, now 1"]),
        ((*LINEAR, "--missing-rate", "0.1"), ["missing_rates was", "'text': 0.1"]),
        ((*LINEAR, "--set", "C=2"), ["settings was {}, now {'C': '2'}"]),
        (("--method", "zero_fill"), ["method was 'late_fusion', now 'zero_fill'"]),
    ],
)
def test_resume_with_another_request(cli, unfinished, linear_run, options, fragments):
    data = linear_run.parent / "data.npz"
    assert_rejected(cli("fit", data, "--out", unfinished, "--resume", *options), "has another request", *fragments)


def test_resume_with_other_data(cli, unfinished, linear_run, write_npz):
    original = linear_run.parent / "data.npz"
    raw = original.read_bytes()
    try:
        write_npz(original, "multiclass", y=np.roll(np.arange(60) % 3, 1))
        assert_rejected(cli("fit", original, "--out", unfinished, *LINEAR, "--resume"), "data_checksum was")
    finally:
        original.write_bytes(raw)


@pytest.mark.parametrize("content", ["", "{", "[]", "\udcff"])
def test_resume_with_a_damaged_request(cli, unfinished, linear_run, content):
    (unfinished / "request.json").write_text(content, errors="surrogateescape")
    data = linear_run.parent / "data.npz"
    assert_rejected(cli("fit", data, "--out", unfinished, *LINEAR, "--resume"), unfinished / "request.json", "damaged")


def test_an_internal_error_prints_a_traceback(cli, linear_run, monkeypatch):
    def broken(source, expected):
        raise RuntimeError("the sky fell")

    monkeypatch.setattr("redcore.runs._run.read_for_model", broken)
    result = cli("evaluate", linear_run, "digits")
    assert result.status == 1
    assert result.out == ""
    assert "Traceback (most recent call last)" in result.err
    assert result.err.splitlines()[-1] == "redcore: internal error, please report it: RuntimeError: the sky fell"


@pytest.mark.parametrize("arguments", [["list", "methods"], ["list", "methods", "--json"], ["evaluate", "--json"]])
def test_a_closed_pipe_prints_no_traceback(linear_run, arguments):
    if "evaluate" in arguments:
        arguments = [*arguments, linear_run, linear_run.parent / "data.npz"]
    reader, writer = os.pipe()
    os.close(reader)
    program = [sys.executable, "-m", "redcore", *arguments]
    done = subprocess.run(program, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_interrupt_outside_training(cli, linear_run, monkeypatch):
    def interrupted(source, expected):
        raise KeyboardInterrupt

    monkeypatch.setattr("redcore.runs._run.read_for_model", interrupted)
    result = cli("evaluate", linear_run, "digits")
    assert (result.status, result.err) == (130, "redcore: interrupted\n")


def test_bundled_data_is_named_in_the_message(cli, tmp_path):
    assert_rejected(cli("fit", "digit", "--out", tmp_path / "run"), "'digit'", "digits")
    assert load_dataset("digits").n_samples == 1797
