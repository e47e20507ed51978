"""SUPPORT, seriously ill adults in hospital: blocks of tests that are missing for reasons (public)."""

from pathlib import Path
from typing import Any

from redcore.data import MultimodalData
from redcore.data.formats import table
from redcore.datasets import Card
from redcore.exceptions import DataError

__all__ = ["BLOCKS", "CARD", "load"]

CARD = Card(
    title="SUPPORT: 9,105 seriously ill hospital patients; nine blocks of findings, partly missing",
    source="Knaus et al. (1995), The SUPPORT prognostic model, Annals of Internal Medicine; UCI 'SUPPORT2'",
    licence="CC BY 4.0",
    target="binary: death in hospital; or survival: days to death",
    public=True,
)
BLOCKS = {
    "blood_gas": ("pafi", "ph"),
    "chemistry": ("wblc", "crea", "sod"),
    "demographics": ("age", "sex", "race"),
    "disease": ("dzgroup", "dzclass", "num.co", "diabetes", "dementia", "ca", "hday", "scoma"),
    "function": ("adlp", "adls"),
    "liver": ("alb", "bili"),
    "metabolic": ("bun", "glucose", "urine"),
    "social": ("edu", "income"),
    "vitals": ("meanbp", "hrt", "resp", "temp"),
}
"""Modalities and their columns. Scores, costs and findings that are known later than admission are not among them."""
ENDPOINTS: dict[str, dict[str, Any]] = {
    "hospdead": {"target": ("hospdead",)},
    "survival": {"target": ("d.time",), "event": "death=1"},
}


def load(root: Path, fold: int = 1, endpoint: str = "hospdead") -> MultimodalData:
    """Return the patients with nine modalities, without a split.

    Parameters
    ----------
    root : Path
        File ``support2.csv``, or a folder that contains it.
    fold : int, default 1
        Must be 1: the data has no official split.
    endpoint : {"hospdead", "survival"}, default "hospdead"
        Death in hospital, or survival: the days from the entry into the study to death from any cause, censored at the
        end of the follow-up (``d.time`` and ``death``).

    Raises
    ------
    DataError
        If the endpoint or the fold does not exist, or if the file is absent or damaged.
    """
    if fold != 1:
        raise DataError(f"{root}: fold is {fold}, expected 1; the data has no official split")
    if endpoint not in ENDPOINTS:
        raise DataError(f"endpoint is {endpoint!r}, expected one of {', '.join(ENDPOINTS)}")
    path = root if root.is_file() else root / "support2.csv"
    return table.read(path, table.Options(modalities=BLOCKS, id="sno", **ENDPOINTS[endpoint]))
