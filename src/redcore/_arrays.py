"""Name prefixes for groups of arrays: ``"stack/weights"`` is array ``"weights"`` of group ``"stack"``."""

from collections.abc import Mapping

from redcore._types import AnyArray

__all__ = ["prefixed", "unprefixed"]


def prefixed(prefix: str, arrays: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Return the arrays with `prefix` added to their names.

    Examples
    --------
    >>> import numpy as np
    >>> list(prefixed("stack/", {"weights": np.zeros(2)}))
    ['stack/weights']
    """
    return {f"{prefix}{name}": array for name, array in arrays.items()}


def unprefixed(prefix: str, arrays: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Return the arrays whose names start with `prefix`, with the prefix removed from their names.

    Examples
    --------
    >>> import numpy as np
    >>> list(unprefixed("stack/", {"stack/weights": np.zeros(2), "prior": np.zeros(2)}))
    ['weights']
    """
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
