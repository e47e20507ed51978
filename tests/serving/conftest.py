"""A small fitted model and requests to its service, in the test process."""

from typing import Any

import pytest

from factories import make_data, tiny
from redcore import make_method
from redcore.methods import Method
from redcore.serving import Limits, make_app
from serving_client import talk


@pytest.fixture(scope="session")
def model() -> Method:
    """Late fusion fitted to three classes; audio is a sequence. Shared by the session: do not modify."""
    return make_method("late_fusion", settings=tiny("late_fusion")).fit(make_data("multiclass", 60, sequences=True))


@pytest.fixture
def ask(model):
    """Return ``ask(method, path, *, limits, api_key, **options)``, which sends a request to the service of `model`."""

    def one(method: str, path: str, *, limits: Limits | None = None, api_key: str | None = None, **options: Any) -> Any:
        return talk(make_app(model, limits, api_key=api_key), lambda client: client.request(method, path, **options))

    return one
