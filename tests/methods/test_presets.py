"""Every preset has valid settings and can be fitted to vectors and sequences."""

import numpy as np
import pytest

from factories import make_data
from redcore._discovery import names
from redcore.methods import make_method, preset_settings


@pytest.mark.parametrize("sequences", [False, True], ids=["vectors", "sequences"])
@pytest.mark.parametrize("preset", names("redcore.presets"))
def test_preset_can_be_fitted(preset, sequences):
    method, settings = preset_settings(preset)
    short = {} if method == "stack" else {"max_epochs": 1, "max_steps": 2}
    model = make_method(preset=preset, settings=short)
    assert model.settings == make_method(method, settings={**settings, **short}).settings
    data = make_data(sequences=sequences)
    assert np.isfinite(model.fit(data).predict(data)).all()
