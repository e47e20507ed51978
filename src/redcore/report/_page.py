"""Self-contained HTML pages with embedded styles, scripts and data. A page makes no network request."""

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
from redcore.report._comparison import comparison
from redcore.report._payload import payload
from redcore.report._published import published_tables

__all__ = ["benchmark_page", "inspection_page", "page", "page_without_scripts", "static_page", "write_page"]

SCRIPTS = (
    "stats",
    "model",
    "dom",
    "table",
    "plot",
    "verdict",
    "overview",
    "leaderboard",
    "curves",
    "heatmap",
    "differences",
    "upset",
    "calibration",
    "published",
    "traces",
    "ranks",
    "cost",
    "patterns",
    "records",
    "controls",
    "main",
)
SHOWN_PATTERNS = 40
"""Number of missing patterns listed on the page of a data set."""


def benchmark_page(records: Sequence[Record], title: str, score: str | None = None, focus: str | None = None) -> str:
    """Return the report of a benchmark as one self-contained HTML page.

    Parameters
    ----------
    records : sequence of Record
        Records of finished and failed cells.
    title : str
        Title of the page, such as the title of the benchmark.
    score : str, optional
        Score that the page shows first. Default: log loss, or R2 for regression.
    focus : str, optional
        Title of the method that the page compares with all others. Default: the method with the best mean rank.

    Returns
    -------
    str
        HTML. The page filters, sorts and draws in the browser without network access, and has a light and a dark
        colour scheme.
    """
    content = payload(records, title, score)
    published = published_tables(records)
    content |= comparison(records, content, focus, score) | {"published": published}
    return page("benchmark.html.j2", content, has_published=bool(published))


def page(template: str, content: Mapping[str, Any], **names: object) -> str:
    """Render a template as a self-contained page.

    Parameters
    ----------
    template : str
        File name in ``templates/``.
    content : mapping
        JSON-compatible data for the scripts of the page, as returned by `payload`.
    **names : object
        Further variables of the template.
    """
    style = _asset("page.css")
    script = "(() => {\n" + "\n".join(_asset(f"{name}.js") for name in SCRIPTS) + "})();\n"
    return _template(template).render(
        title=content["title"],
        # the policy permits only this script and this style, so that text from a record can never run; script and
        # style are inserted verbatim, and the data is escaped so that it cannot close its element
        policy=f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'",
        style=style,
        script=script,
        data=_embedded(content),
        **names,
    )


def page_without_scripts(template: str, **names: object) -> str:
    """Render a template, which extends ``static.html.j2``, as a self-contained page without scripts.

    Parameters
    ----------
    template : str
        File name in ``templates/``.
    **names : object
        Variables of the template, among them ``title``.
    """
    style = _asset("page.css")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'"
    return _template(template).render(policy=policy, style=style, **names)


def inspection_page(summary: Summary, name: str) -> str:
    """Return the summary of a data set as one self-contained HTML page without scripts.

    The page follows the light or dark colour scheme of the browser.

    Parameters
    ----------
    summary : Summary
    name : str
        Name of the data set, for the title.

    Returns
    -------
    str
        HTML.
    """
    return static_page(
        "inspection.html.j2",
        name=name,
        summary=summary,
        names=[modality.name for modality in summary.modalities],
        shown=summary.patterns[:SHOWN_PATTERNS],
        others=summary.patterns[SHOWN_PATTERNS:],
        some_missing=any(modality.missing_rate for modality in summary.modalities),
    )


def static_page(template: str, **names: object) -> str:
    """Render a template of a page without scripts, with the given variables."""
    return _template(template).render(**names)


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
    """Return JSON without characters that could close the enclosing HTML element."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
