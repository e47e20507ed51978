"""The HTTP service of a fitted model; needs the packages of the extra ``serve``."""

from redcore.serving._app import make_app
from redcore.serving._limits import Limits

__all__ = ["Limits", "make_app"]
