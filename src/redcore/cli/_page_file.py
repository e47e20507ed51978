"""Output of HTML pages to files."""

from pathlib import Path

from redcore._files import write_atomic
from redcore.exceptions import RunError

__all__ = ["write_page"]


def write_page(path: Path, page: str) -> None:
    """Write an HTML page to `path` atomically, and create its folder if necessary.

    Raises
    ------
    RunError
        If the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, lambda temporary: temporary.write_text(page, encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror})") from None
