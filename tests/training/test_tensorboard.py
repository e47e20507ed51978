"""What TensorBoard reads is what the history says."""

import sys

import numpy as np
import pytest

from factories import make_data
from redcore.exceptions import RunError
from redcore.fitting import TensorBoardLogger
from redcore.methods import make_method


def test_every_third_step_is_logged(tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is an extra")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    method = make_method("stacked", settings={"max_epochs": 3, "latent_dim": 8, "n_members": 2})
    logger = TensorBoardLogger(tmp_path, every=3)
    method.fit(make_data(n_samples=60), callbacks=[logger])
    logger.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network-1", "network-2"]
    events = EventAccumulator(str(tmp_path / "network-1")).Reload()
    name = next(name for name in method.history.steps if name.startswith("supervision_weight/"))
    logged = events.Scalars(name)
    assert [entry.step for entry in logged] == list(range(0, method.history.n_steps, 3))
    np.testing.assert_allclose([entry.value for entry in logged], list(method.history.steps[name])[::3], rtol=1e-6)
    assert len(events.Scalars("epoch/validation_loss")) == 3


def test_error_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(RunError, match=r"pip install 'redcore\[tensorboard\]'"):
        TensorBoardLogger(tmp_path)
