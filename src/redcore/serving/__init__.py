"""HTTP service for a fitted model. It requires the optional dependencies ``redcore[serve]``."""

from redcore._extras import imports_of_extra

with imports_of_extra("serve"):
    from redcore.serving._app import make_app
    from redcore.serving._limits import Limits
    from redcore.serving._protocol import guarded_protocol
    from redcore.serving._server import ServerConfig, load_app, log_address, run_server
    from redcore.serving._workers import run_workers

__all__ = [
    "Limits",
    "ServerConfig",
    "guarded_protocol",
    "load_app",
    "log_address",
    "make_app",
    "run_server",
    "run_workers",
]
