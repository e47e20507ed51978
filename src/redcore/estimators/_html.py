"""HTML table of the modalities of a fitted estimator for notebooks."""

from html import escape
from typing import Any

__all__ = ["modality_table"]


def modality_table(estimator: Any) -> str:
    """Return an HTML table with the modalities and missing rates of a fitted estimator; an empty string if unfitted."""
    rates = getattr(estimator, "missing_rates_", None)
    if rates is None:
        return ""
    forms = {m.name: m for m in estimator.method_.schema.modalities}
    rows = "".join(_row(name, forms[name], rate, estimator.supervision_weights_) for name, rate in rates.items())
    weight = "<th>supervision weight</th>" if estimator.supervision_weights_ else ""
    return (
        f"<table><thead><tr><th>modality</th><th>features</th><th>missing rate</th>{weight}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _row(name: str, form: Any, rate: float, weights: dict[str, float]) -> str:
    features = f"{form.n_features}{', sequence' if form.is_sequence else ''}"
    cells = [escape(name), features, f"{rate:.3f}"]
    if weights:
        cells.append(f"{weights[name]:.3f}" if name in weights else "-")
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
