"""HTTP service for a fitted model. It requires the optional dependencies ``redcore[serve]``."""

from redcore.serving._app import make_app
from redcore.serving._limits import Limits

__all__ = ["Limits", "make_app"]
