"""Survival curves of groups by predicted risk, as SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

__all__ = ["group_names", "risk_group_curves"]

Group = Mapping[str, Any]

WIDTH, HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 46, 110, 12, 44
COLOURS = ("var(--c2)", "var(--c1)", "var(--c5)")
NAMES = {1: ("all",), 2: ("low", "high"), 3: ("low", "medium", "high")}


def group_names(n_groups: int) -> tuple[str, ...]:
    """Return the names of groups from low to high risk."""
    return NAMES.get(n_groups) or tuple(f"{index + 1} of {n_groups}" for index in range(n_groups))


def risk_group_curves(groups: Sequence[Group]) -> dict[str, Any] | None:
    """Return the content of the section on groups by predicted risk; None without groups.

    Parameters
    ----------
    groups : sequence of mapping
        `RiskGroup.to_dict` of each group, from low to high risk.

    Returns
    -------
    dict
        ``drawing`` (SVG), ``ticks`` (times of the numbers at risk) and ``groups`` (with their ``name``).
    """
    if not groups:
        return None
    names = group_names(len(groups))
    named = [{**group, "name": name} for group, name in zip(groups, names, strict=True)]
    ticks = groups[0]["ticks"]
    return {"drawing": _drawing(named, ticks), "ticks": ticks, "groups": named}


def _drawing(groups: Sequence[Group], ticks: Sequence[float]) -> Markup:
    latest = ticks[-1] or 1.0
    parts = [_axes(ticks, latest)]
    for index, group in enumerate(groups):
        colour = COLOURS[index % len(COLOURS)]
        end = [latest] if group["times"] else []
        times = [0.0, *group["times"], *end]
        survival, low, high = ([1.0, *group[name], *group[name][-1:]] for name in ("survival", "low", "high"))
        band = f"{_steps(times, high, latest)}L{_backwards(times, low, latest)}Z"
        predicted = zip([0.0, *group["borders"]], [1.0, *group["predicted"]], strict=True)
        points = " ".join(_point(time, value, latest) for time, value in predicted if time <= latest)
        parts += [
            f'<path d="M{band}" fill="{colour}" fill-opacity="0.16" stroke="none"/>',
            f'<path d="M{_steps(times, survival, latest)}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4" stroke-dasharray="5 4"/>',
            _label(group["name"], colour, index),
        ]
    return Markup(
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Survival curves by predicted risk">{"".join(parts)}</svg>'
    )


def _axes(ticks: Sequence[float], latest: float) -> str:
    lines = []
    for level in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(level)
        lines.append(f'<path d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}" stroke="var(--rule)" stroke-width="1"/>')
        lines.append(_text(f"{level:g}", LEFT - 8, y + 4, "end"))
    lines += [_text(f"{tick:.4g}", _x(tick, latest), HEIGHT - BOTTOM + 18, "middle") for tick in ticks]
    lines.append(_text("time", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "middle"))
    return "".join(lines)


def _label(name: str, colour: str, index: int) -> str:
    x, y = WIDTH - RIGHT + 12, TOP + 14 + 22 * index
    line = f'<path d="M{x},{y - 4}h18" stroke="{colour}" stroke-width="3"/>'
    return line + _text(f"{name} risk" if name != "all" else name, x + 24, y, "start")


def _text(text: str, x: float, y: float, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="12" fill="var(--faint)">{text}</text>'


def _x(time: float, latest: float) -> float:
    return LEFT + time / latest * (WIDTH - LEFT - RIGHT)


def _y(probability: float) -> float:
    return TOP + (1 - probability) * (HEIGHT - TOP - BOTTOM)


def _point(time: float, value: float, latest: float) -> str:
    return f"{_x(time, latest):.1f},{_y(value):.1f}"


def _steps(times: Sequence[float], values: Sequence[float], latest: float) -> str:
    """Return the path of a step function without its first command."""
    first = _point(times[0], values[0], latest)
    rest = zip(times[1:], values[1:], strict=True)
    return first + "".join(f"H{_x(time, latest):.1f}V{_y(value):.1f}" for time, value in rest)


def _backwards(times: Sequence[float], values: Sequence[float], latest: float) -> str:
    """Return the path of a step function from its last to its first time, without its first command."""
    path = _point(times[-1], values[-1], latest)
    for index in range(len(times) - 1, 0, -1):
        path += f"V{_y(values[index]):.1f}H{_x(times[index], latest):.1f}V{_y(values[index - 1]):.1f}"
    return f"{path}H{_x(times[0], latest):.1f}"
