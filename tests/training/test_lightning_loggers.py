"""Loggers of other packages (extra ``loggers``), without a server or an account."""

from pathlib import Path

import pytest

from factories import make_data, tiny
from redcore import make_method
from redcore.fitting import LightningLogging

# their packages warn on import and when a run starts
pytestmark = pytest.mark.filterwarnings("ignore")

loggers = pytest.importorskip("lightning.pytorch.loggers", reason="needs redcore[loggers]")


def fit_with(logger):
    """Log every step of a fit and return its history."""
    logging = LightningLogging(logger, every=1)
    method = make_method("zero_fill", settings=tiny("zero_fill")).fit(make_data(), callbacks=[logging])
    logging.close()
    return method.history


def test_mlflow_receives_every_value(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="needs redcore[loggers]")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = f"file:{tmp_path}"
    logger = loggers.MLFlowLogger("experiment", tracking_uri=uri)
    history = fit_with(logger)
    client = mlflow.MlflowClient(tracking_uri=uri)
    values = {
        name: [point.value for point in client.get_metric_history(logger.run_id, name)]
        for name in ("loss", "epoch/validation_loss")
    }
    assert values["loss"] == pytest.approx(list(history.steps["loss"]))
    assert values["epoch/validation_loss"] == pytest.approx(list(history.epochs["validation_loss"]))
    assert client.get_run(logger.run_id).info.status == "FINISHED"


def test_weights_and_biases_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="needs redcore[loggers]")
    monkeypatch.setenv("WANDB_SILENT", "true")
    logger = loggers.WandbLogger(save_dir=tmp_path, offline=True)
    history = fit_with(logger)
    summary = dict(logger.experiment.summary)
    logger.experiment.finish()
    assert summary["loss"] == pytest.approx(history.steps["loss"][-1])
    assert summary["epoch/validation_loss"] == pytest.approx(history.epochs["validation_loss"][-1])
    assert list(Path(tmp_path).rglob("*.wandb"))
