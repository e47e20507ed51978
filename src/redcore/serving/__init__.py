"""HTTP service for a fitted model. It requires the optional dependencies ``redcore[serve]``."""

from redcore._extras import imports_of_extra

with imports_of_extra("serve"):
    from redcore.serving._app import make_app
    from redcore.serving._limits import Limits
    from redcore.serving._protocol import guarded_protocol

__all__ = ["Limits", "guarded_protocol", "make_app"]
