import pytest

from redcore import load_model


def test_export_formats(cli, linear_run, tmp_path):
    pytest.importorskip("onnxruntime")
    graph = cli("export", linear_run, "--out", tmp_path / "model.onnx", "--json").json
    assert (graph["format"], graph["bytes"]) == ("onnx", (tmp_path / "model.onnx").stat().st_size)
    assert graph["difference"] <= 1e-5
    assert cli("export", linear_run, "--format", "safetensors", "--out", tmp_path / "m.safetensors").status == 0
    assert type(load_model(tmp_path / "m.safetensors")) is type(load_model(linear_run))
    assert cli("export", tmp_path / "m.safetensors", "--format", "card", "--out", tmp_path / "card.md").status == 0
    assert (tmp_path / "card.md").read_text() == (linear_run / "model_card.md").read_text()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--out", "model.pt"), "ending in .onnx"),
        (("--out", "nosuch/model.onnx"), "its folder does not exist"),
        (("--format", "card", "--out", "card.txt"), "ending in .md"),
        (("--format", "pickle", "--out", "model.onnx"), "pickle"),
    ],
)
def test_bad_requests(cli, linear_run, options, named):
    result = cli("export", linear_run, *options)
    assert result.status == 2
    assert named in result.err


def test_a_method_without_onnx_export_is_rejected(cli, make_npz, tmp_path):
    assert cli("fit", make_npz(), "--out", tmp_path / "run", "--method", "knn_fill").status == 0
    result = cli("export", tmp_path / "run", "--out", tmp_path / "model.onnx")
    assert (result.status, "knn_fill" in result.err) == (2, True)


def test_serve_rejects_a_folder_without_a_model(cli, tmp_path):
    result = cli("serve", tmp_path)
    assert (result.status, "model.json" in result.err) == (2, True)
