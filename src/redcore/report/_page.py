"""Self-contained pages: one HTML file with its styles, its code and its data, from which no request leaves."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from redcore.benchmark import Record
from redcore.report._payload import payload

__all__ = ["benchmark_page", "page"]

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
    environment = Environment(loader=PackageLoader("redcore.report"), autoescape=True, undefined=StrictUndefined)
    style = _asset("page.css")
    script = "(() => {\n" + "\n".join(_asset(f"{name}.js") for name in SCRIPTS) + "})();\n"
    return environment.get_template(template).render(
        title=content["title"],
        # only these two texts are ever run or applied, whatever a record says; they are put in as they are, the data
        # with all that could end its element escaped
        policy=f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'",
        style=style,
        script=script,
        data=_embedded(content),
        **names,
    )


def _asset(name: str) -> str:
    return (resources.files("redcore.report") / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _embedded(content: Mapping[str, Any]) -> str:
    """Return JSON in which nothing can end the element that holds it."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
