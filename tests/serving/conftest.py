"""Small fitted models, and the service of one in this process."""

from typing import Any

import pytest

from factories import make_data, tiny
from redcore import make_method
from redcore.methods import Method
from redcore.serving import Limits, make_app
from serving_client import talk


@pytest.fixture(scope="session")
def model() -> Method:
    """Late fusion of three classes; audio is sequences. To be read only."""
    return make_method("late_fusion", settings=tiny("late_fusion")).fit(make_data("multiclass", 60, sequences=True))


@pytest.fixture
def ask(model):
    """``ask(method, path, **options)``: one request to the service of `model`; `limits` and `api_key` may be given."""

    def one(method: str, path: str, *, limits: Limits | None = None, api_key: str | None = None, **options: Any) -> Any:
        return talk(make_app(model, limits, api_key=api_key), lambda client: client.request(method, path, **options))

    return one
