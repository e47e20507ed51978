"""Page of ``redcore explain``."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from redcore.metrics import is_lower_better, score_label
from redcore.report._code_scatter import code_scatter
from redcore.report._page import page_without_scripts

__all__ = ["explanation_page"]

WIDTH, HEIGHT, MARGIN = 220, 18, 4
"""Size of a bar and its margin at both ends, in pixels."""

SHOWN_PATTERNS = 64
"""Largest number of missing patterns of a sample that are listed."""

Limits = tuple[float, float]


def explanation_page(content: Mapping[str, Any]) -> str:
    """Return the page of an explanation: samples, modalities, features, information gains, training states.

    Parameters
    ----------
    content : mapping
        Content of ``explain.json``, the result of ``redcore explain --json``. The page shows all of it in words, tables
        and bars.

    Returns
    -------
    str
        HTML without scripts. It follows the light or dark colour scheme of the browser.
    """
    return page_without_scripts(
        "explain.html.j2",
        title=f"Explanation of {content['run']}",
        content=content,
        sections=[
            name for name in ("samples", "value", "features", "acquisition", "codes", "training") if content.get(name)
        ],
        label=score_label,
        sign=lambda metric: -1 if is_lower_better(metric) else 1,
        number=number,
        bar=bar,
        interval=interval,
        point=point,
        dots=dots,
        code_scatter=code_scatter,
        limits=limits,
        waterfall=_waterfall,
        sample_limits=_sample_limits,
        shown_patterns=_shown_patterns,
    )


def number(value: float, form: str = ".3f") -> str:
    """Return a number with a minus sign instead of a hyphen, and without a sign if it is rounded to 0."""
    text = f"{value:{form}}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "\u2212")


def limits(values: Sequence[float]) -> Limits:
    """Return the limits of an axis that contains 0 and all values."""
    low, high = min(0.0, *values), max(0.0, *values)
    return (low, high) if low < high else (0.0, 1.0)


def bar(start: float, end: float, scale: Limits, error: Limits | None = None) -> Markup:
    """Return a horizontal bar from `start` to `end` as SVG.

    Parameters
    ----------
    start, end : float
        The bar is blue if `end` is at least `start`, and vermilion otherwise.
    scale : (float, float)
        Values at the left and the right end of the drawing.
    error : (float, float), optional
        Ends of a whisker.
    """
    left, right = sorted((_place(start, scale), _place(end, scale)))
    colour = "var(--c0)" if end >= start else "var(--c5)"
    parts = [
        _vertical(_place(start, scale)),
        f'<rect x="{left:.1f}" y="4" width="{max(right - left, 1.5):.1f}" height="10" fill="{colour}"/>',
    ]
    if error is not None:
        parts.append(_whisker(error, scale))
    return _drawing(parts)


def interval(low: float, high: float, scale: Limits) -> Markup:
    """Return an interval around 0 as SVG."""
    return _drawing([_vertical(_place(0.0, scale)), _whisker((low, high), scale)])


def point(value: float, scale: Limits) -> Markup:
    """Return one value as SVG."""
    return _drawing([f'<circle cx="{_place(value, scale):.1f}" cy="9" r="4.6" fill="var(--ink)"/>'])


def dots(observed: Sequence[str], names: Sequence[str]) -> Markup:
    """Return one circle per modality as SVG, filled if it is observed."""
    circles = "".join(
        f'<circle cx="{7 + 14 * place}" cy="7" r="4.6" stroke="var(--faint)" stroke-width="1.3" '
        f'fill="{"var(--c0)" if name in observed else "none"}"/>'
        for place, name in enumerate(names)
    )
    width = 14 * len(names) + 4
    return Markup(
        f'<svg class="dots" width="{width}" height="14" viewBox="0 0 {width} 14" aria-hidden="true">{circles}</svg>'
    )


def _place(value: float, scale: Limits) -> float:
    share = (value - scale[0]) / (scale[1] - scale[0])
    return MARGIN + min(max(share, 0.0), 1.0) * (WIDTH - 2 * MARGIN)


def _vertical(x: float) -> str:
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}" stroke="var(--faint)" stroke-width="1"/>'


def _whisker(ends: Limits, scale: Limits) -> str:
    left, right = (_place(end, scale) for end in ends)
    path = f"M{left:.1f},5v8M{left:.1f},9H{right:.1f}M{right:.1f},5v8"
    halo = f'<path d="{path}" stroke="var(--paper)" stroke-width="4" fill="none"/>'
    return f'{halo}<path d="{path}" stroke="var(--ink)" stroke-width="1.6" fill="none"/>'


def _drawing(parts: Sequence[str]) -> Markup:
    return Markup(
        f'<svg class="bar" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def _sample_limits(sample: Mapping[str, Any]) -> Limits:
    """Return the axis of the predictions of a sample: 0 to 1 for probabilities."""
    if sample["predicted"] is not None:
        return 0.0, 1.0
    values = [one["value"] for one in sample["patterns"]] + [end for _, _, *ends in _waterfall(sample) for end in ends]
    margin = 0.05 * (max(values) - min(values)) or 0.5
    return min(values) - margin, max(values) + margin


def _waterfall(sample: Mapping[str, Any]) -> list[tuple[str, float, float, float]]:
    """Return name, contribution, start and end of the bar of each modality, the largest contributions first."""
    rows, end = [], sample["prior"]
    for name, value in sorted(sample["values"].items(), key=lambda item: -abs(item[1])):
        rows.append((name, value, end, end + value))
        end += value
    return rows


def _shown_patterns(sample: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return all patterns, or those that differ from all or none by at most one modality if there are many."""
    patterns, n_observed = sample["patterns"], len(sample["values"])
    if len(patterns) <= SHOWN_PATTERNS:
        return list(patterns)
    return [one for one in patterns if len(one["observed"]) <= 1 or len(one["observed"]) >= n_observed - 1]
