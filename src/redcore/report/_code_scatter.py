"""Real and imputed latent codes of one modality, as SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

__all__ = ["code_scatter"]

SIZE, MARGIN, RADIUS = 280, 10, 3.2
REAL, IMPUTED = "var(--c0)", "var(--c5)"


def code_scatter(codes: Mapping[str, Any]) -> Markup:
    """Return a scatter plot of the two codes of each sample, joined by a line.

    Parameters
    ----------
    codes : mapping
        `ImputedCodes.to_dict` of one modality.

    Returns
    -------
    Markup
        SVG with equal scales on both axes. Circles are real codes, crosses imputed ones.
    """
    pairs = list(zip(codes["real"], codes["imputed"], strict=True))
    points = [point for pair in pairs for point in pair]
    columns = list(zip(*points, strict=True))
    middle = [(min(column) + max(column)) / 2 for column in columns]
    span = max(max(column) - min(column) for column in columns) or 1.0

    def place(point: Sequence[float]) -> tuple[float, float]:
        across, up = ((value - centre) / span for value, centre in zip(point, middle, strict=True))
        return SIZE / 2 + across * (SIZE - 2 * MARGIN), SIZE / 2 - up * (SIZE - 2 * MARGIN)

    drawn = [(place(real), place(imputed)) for real, imputed in pairs]
    lines = "".join(f"M{x:.1f},{y:.1f}L{u:.1f},{v:.1f}" for (x, y), (u, v) in drawn)
    circles = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}" fill="{REAL}" fill-opacity="0.75"/>' for (x, y), _ in drawn
    )
    crosses = "".join(f"M{u - 3:.1f},{v - 3:.1f}l6,6m0,-6l-6,6" for _, (u, v) in drawn)
    return Markup(
        f'<svg class="codes" width="{SIZE}" height="{SIZE}" viewBox="0 0 {SIZE} {SIZE}" role="img" '
        'aria-label="Real and imputed latent codes on two axes">'
        f'<rect x="0.5" y="0.5" width="{SIZE - 1}" height="{SIZE - 1}" fill="none" stroke="var(--rule)"/>'
        f'<path d="{lines}" stroke="var(--faint)" stroke-width="0.6" stroke-opacity="0.5"/>{circles}'
        f'<path d="{crosses}" stroke="{IMPUTED}" stroke-width="1.5" fill="none"/></svg>'
    )
