"""``redcore serve``: predictions of a run over HTTP."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._signature import takes

__all__ = ["serve"]

GRACE_SECONDS = 30
"""What requests in flight get to end after SIGTERM."""

MAX_CONNECTIONS = 1024


@dataclass(frozen=True)
class ServeOptions:
    """Arguments and options of the command."""

    run: Annotated[Path, typer.Argument(help="Run folder that 'redcore fit' has finished, or a model file.")]
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8000
    host: Annotated[str, typer.Option(help="Address to listen on; by default this machine alone can reach it.")] = (
        "127.0.0.1"
    )
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="REDCORE_API_KEY", help="Key that clients must send in the header X-API-Key.", show_default=False
        ),
    ] = None
    max_body_bytes: Annotated[int, typer.Option(help="Largest body of a request.", min=1)] = 4 * 2**20
    max_samples: Annotated[int, typer.Option(help="Most samples of a request.", min=1)] = 64
    max_steps: Annotated[int, typer.Option(help="Most time steps of a sequence.", min=1)] = 10_000
    max_waiting: Annotated[int, typer.Option(help="Most samples that wait; beyond it, status 503.", min=1)] = 1024
    timeout: Annotated[float, typer.Option(help="Seconds for a body to arrive, and for a prediction.", min=0.001)] = (
        10.0
    )


@takes(ServeOptions)
def serve(options: ServeOptions) -> None:
    """Serve predictions of the model of RUN over HTTP until SIGTERM or Ctrl-C."""
    from redcore.cli._output import messages
    from redcore.exceptions import RunError
    from redcore.export import load_calibration, load_model

    method = load_model(options.run)
    try:
        import uvicorn

        from redcore.serving import Limits, make_app
    except ImportError as error:
        raise RunError(f"package {error.name} is absent: pip install 'redcore[serve]'") from None
    limits = Limits(
        max_body_bytes=options.max_body_bytes,
        max_samples=options.max_samples,
        max_steps=options.max_steps,
        max_waiting=options.max_waiting,
        timeout_seconds=options.timeout,
    )
    if options.api_key is None and not _is_loopback(options.host):
        messages.print(f"warning: whoever reaches {options.host} may ask: no --api-key was given", markup=False)
    uvicorn.run(
        make_app(method, limits, calibration=load_calibration(options.run), api_key=options.api_key),
        host=options.host,
        port=options.port,
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
