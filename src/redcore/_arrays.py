"""Name prefixes for groups of arrays: ``"stack/weights"`` is array ``"weights"`` of group ``"stack"``."""

from collections.abc import Iterable, Mapping

from redcore._types import AnyArray

__all__ = ["by_suffix", "prefixed", "unprefixed"]


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


def by_suffix(suffixes: Iterable[str], arrays: Mapping[str, AnyArray]) -> dict[str, dict[str, AnyArray]]:
    """Return arrays named ``"<name>/<suffix>"``, such as ``"mean/audio"``, by suffix and then by name.

    The suffixes are those of `suffixes`, in their order. One without arrays has an empty dictionary.

    Raises
    ------
    KeyError
        If an array has another suffix.

    Examples
    --------
    >>> import numpy as np
    >>> {suffix: list(own) for suffix, own in by_suffix(["audio", "text"], {"mean/audio": np.zeros(2)}).items()}
    {'audio': ['mean'], 'text': []}
    """
    groups: dict[str, dict[str, AnyArray]] = {suffix: {} for suffix in suffixes}
    for key, array in arrays.items():
        name, _, suffix = key.partition("/")
        groups[suffix][name] = array
    return groups
