"""Self-contained pages: one HTML file with its styles, its code and its data, from which no request leaves."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from redcore._files import write_atomic
from redcore.benchmark import Record
from redcore.exceptions import RunError
from redcore.inspection import Summary
from redcore.report._payload import payload

__all__ = ["benchmark_page", "inspection_page", "page", "write_page"]

SCRIPTS = (
    "stats",
    "model",
    "dom",
    "table",
    "plot",
    "overview",
    "leaderboard",
    "curves",
    "heatmap",
    "traces",
    "ranks",
    "cost",
    "patterns",
    "records",
    "controls",
    "main",
)
SHOWN_PATTERNS = 40
"""Missing patterns that the page of a data set shows before the reader unfolds the others."""


def benchmark_page(records: Sequence[Record], title: str) -> str:
    """Return the page of a benchmark: one HTML file that needs nothing else.

    Parameters
    ----------
    records : sequence of Record
        Finished and failed ones.
    title : str
        What was asked, such as the title of the spec.

    Returns
    -------
    str
        HTML. It shows light or dark as the reader likes, and filters, sorts and draws without a network.
    """
    return page("benchmark.html.j2", payload(records, title))


def page(template: str, content: Mapping[str, Any], **names: object) -> str:
    """Return the page of a template; it gets `content` as ``data``, for its code, and `names`."""
    style = _asset("page.css")
    script = "(() => {\n" + "\n".join(_asset(f"{name}.js") for name in SCRIPTS) + "})();\n"
    return _template(template).render(
        title=content["title"],
        # only these two texts are ever run or applied, whatever a record says; they are put in as they are, the data
        # with all that could end its element escaped
        policy=f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'",
        style=style,
        script=script,
        data=_embedded(content),
        **names,
    )


def inspection_page(summary: Summary, name: str) -> str:
    """Return the page of a data set: one HTML file without scripts, which follows the reader's light or dark theme.

    Parameters
    ----------
    summary : Summary
    name : str
        Name of the data set, for the title.
    """
    return _template("inspection.html.j2").render(
        name=name,
        summary=summary,
        names=[modality.name for modality in summary.modalities],
        shown=summary.patterns[:SHOWN_PATTERNS],
        others=summary.patterns[SHOWN_PATTERNS:],
        some_missing=any(modality.missing_rate for modality in summary.modalities),
    )


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


def _template(name: str) -> Template:
    environment = Environment(loader=PackageLoader("redcore.report"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(name)


def _asset(name: str) -> str:
    return (resources.files("redcore.report") / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _embedded(content: Mapping[str, Any]) -> str:
    """Return JSON in which nothing can end the element that holds it."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
