"""What one client may ask of the service, and all of them together."""

from typing import Annotated

from pydantic import Field

from redcore._settings import Settings

__all__ = ["Limits"]


class Limits(Settings):
    """Bounds of the service; what goes beyond them is refused, and costs no memory.

    Attributes
    ----------
    max_body_bytes : int >= 1, default 4 MiB
        A larger body gets status 413.
    max_samples : int >= 1, default 64
        Per request.
    max_steps : int >= 1, default 10,000
        Time steps of a sequence.
    max_batch : int >= 1, default 256
        Samples that are predicted at once.
    max_waiting : int >= 1, default 1024
        Samples that may wait for their prediction; beyond it requests get status 503 with ``Retry-After``.
    max_requests : int >= 1, default 256
        Requests whose bodies may be in memory at once; beyond it likewise.
    timeout_seconds : float > 0, default 10
        For a body to arrive (408), and for a prediction to be made (503).
    """

    max_body_bytes: Annotated[int, Field(ge=1)] = 4 * 2**20
    max_samples: Annotated[int, Field(ge=1)] = 64
    max_steps: Annotated[int, Field(ge=1)] = 10_000
    max_batch: Annotated[int, Field(ge=1)] = 256
    max_waiting: Annotated[int, Field(ge=1)] = 1024
    max_requests: Annotated[int, Field(ge=1)] = 256
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
