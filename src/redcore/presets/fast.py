"""The stack without a network: seconds in place of minutes.

It gives up what a network learns: interactions between features, and the course of a sequence over time. There is no
latent code, so that `transform`, `sample` and supervision weights are not available.
"""

from typing import Any

METHOD = "stack"
SETTINGS: dict[str, Any] = {}
