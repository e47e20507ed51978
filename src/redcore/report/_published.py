"""Figures printed by others beside those of the records."""

import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np

from redcore._pattern_names import pattern_modalities
from redcore.benchmark import Record, is_sample
from redcore.metrics import score_label

__all__ = ["published_tables"]


def published_tables(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return the tables of ``published.toml`` for the data sets of the records, with the scores of the records.

    Rows of the records are means over runs of protocols without missing modalities in training, scored with all
    modalities observed: the conditions of these tables.

    Returns
    -------
    list of dict
        ``title``, ``source``, ``protocol``, ``differs``, ``labels`` of the scores, ``rows``: method, origin, values.
    """
    text = resources.files("redcore.report").joinpath("published.toml").read_text(encoding="utf-8")
    names = {record.cell.data.name for record in records}
    tables = []
    for table in tomllib.loads(text)["table"]:
        if table["data"] in names:
            printed = [
                [name, "printed", [round(value * table["scale"], 4) for value in values]]
                for name, values in table["rows"].items()
            ]
            own = [] if is_sample(records) else [one for one in records if one.cell.data.name == table["data"]]
            tables.append(
                {name: table[name] for name in ("title", "source", "protocol", "differs")}
                | {"labels": [score_label(name) for name in table["scores"]]}
                | {"rows": [*printed, *_rows(own, table["scores"])]}
            )
    return tables


def _rows(records: Sequence[Record], scores: Sequence[str]) -> list[list[Any]]:
    complete = [
        record
        for record in records
        if record.status == "done" and not any(record.missing_rates.get("train", {"": 1.0}).values())
    ]
    rows = []
    for method in sorted({record.method_title for record in complete}):
        runs = [_full(record) for record in complete if record.method_title == method]
        values = [[run[score] for run in runs if run.get(score) is not None] for score in scores]
        rows.append([method, f"{len(runs)} runs here", [round(float(np.mean(v)), 4) if v else None for v in values]])
    return rows


def _full(record: Record) -> dict[str, Any]:
    """Return the scores with all modalities observed."""
    patterns: dict[str, dict[str, Any]] = record.metrics["per_pattern"]
    return patterns[max(patterns, key=lambda name: len(pattern_modalities(name)))]
