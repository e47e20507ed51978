"""Errors for packages of an optional dependency that are not installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from redcore.exceptions import MissingExtraError

__all__ = ["imports_of_extra", "is_installed"]


def is_installed(package: str) -> bool:
    """Return True if a package can be imported; a folder of this name without an ``__init__`` does not count."""
    spec = find_spec(package)
    return spec is not None and spec.origin is not None


@contextmanager
def imports_of_extra(extra: str) -> Iterator[None]:
    """Name the optional dependency to install if an import inside the block fails.

    Raises
    ------
    MissingExtraError
        If a package of another distribution cannot be imported.
    """
    try:
        yield
    except MissingExtraError:
        raise
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "redcore":
            raise
        reason = "is not installed" if isinstance(error, ModuleNotFoundError) else f"cannot be imported ({error})"
        raise MissingExtraError(f"package {error.name} {reason}: pip install 'redcore[{extra}]'") from None
