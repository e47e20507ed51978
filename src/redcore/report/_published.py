"""Figures printed by others beside those of the records."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np

from redcore._pattern_names import pattern_modalities
from redcore.benchmark import Record, is_sample, score_of
from redcore.metrics import score_label

__all__ = ["published_tables"]

CONDITIONS = {
    "none": "all modalities observed in the test",
    "patterns": "means over the missing patterns with one or two of three modalities",
    "random": "by missing rate of training and test",
}


def published_tables(records: Sequence[Record], score: str | None = None) -> list[dict[str, Any]]:
    """Return the tables of ``published.toml`` for the data sets of the records, with the scores of the records.

    Rows of the records are means over runs under the conditions of the table: without missing modalities in training
    and scored with all modalities; or at the missing rates of the table in training, scored as a mean over the
    patterns with missing modalities or, with these rates also in the test split, as observed.

    Parameters
    ----------
    records : sequence of Record
    score : str, optional
        Name of a score. Only tables with this score are returned, with all of their scores.

    Returns
    -------
    list of dict
        ``title``, ``source``, ``protocol``, ``differs``, ``condition``; ``labels`` and short ``names`` of the columns;
        ``rows``: method, origin, values, which are None without runs.
    """
    text = resources.files("redcore.report").joinpath("published.toml").read_text(encoding="utf-8")
    names = {record.cell.data.name for record in records}
    return [
        _table(table, records)
        for table in tomllib.loads(text)["table"]
        if table["data"] in names and (score is None or score in table["scores"])
    ]


def _table(table: Mapping[str, Any], records: Sequence[Record]) -> dict[str, Any]:
    printed = [
        [name, "printed", [round(value * table["scale"], 4) for value in values]]
        for name, values in table["rows"].items()
    ]
    own = [] if is_sample(records) else [one for one in records if one.cell.data.name == table["data"]]
    places = [f" at {rate:g}" if table["missing"] == "random" else "" for _, rate in _columns(table)]
    scores = [score for score, _ in _columns(table)]
    return {
        **{name: table[name] for name in ("title", "source", "protocol", "differs")},
        "condition": CONDITIONS[table["missing"]],
        "labels": [score_label(score) + place for score, place in zip(scores, places, strict=True)],
        "names": [score + place for score, place in zip(scores, places, strict=True)],
        "rows": [*printed, *_rows(own, table)],
    }


def _columns(table: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return the score and the missing rate of each column."""
    return [(score, rate) for rate in table.get("rates", [0.0]) for score in table["scores"]]


def _rows(records: Sequence[Record], table: Mapping[str, Any]) -> list[list[Any]]:
    runs: dict[str, dict[float, list[Record]]] = {}
    for record in records:
        rate = _shared_rate(record, "train")
        is_tested = table["missing"] != "random" or _shared_rate(record, "test") == rate
        if record.status == "done" and rate is not None and rate in table.get("rates", [0.0]) and is_tested:
            runs.setdefault(record.method_title, {}).setdefault(rate, []).append(record)
    return [
        [
            method,
            f"{max(map(len, by_rate.values()))} runs here",
            [_mean(by_rate.get(rate, []), score, table["missing"]) for score, rate in _columns(table)],
        ]
        for method, by_rate in sorted(runs.items())
    ]


def _shared_rate(record: Record, part: str) -> float | None:
    """Return the missing rate that all modalities of a split share, 0 without missing modalities, else None."""
    if not any(record.missing_rates.get(part, {"": 1.0}).values()):
        return 0.0
    protocol = record.cell.protocol.for_split(part)
    # without the rate 0: modalities that are missing in the files themselves have no rate
    rates = set(protocol.rates) - {0.0}
    return rates.pop() if protocol.name == "shared" and len(set(protocol.rates)) == len(rates) == 1 else None


def _mean(records: Sequence[Record], score: str, missing: str) -> float | None:
    values = np.array([score_of(record, score, _over(record, missing)) for record in records])
    values = values[~np.isnan(values)]
    return round(float(values.mean()), 4) if len(values) else None


def _over(record: Record, missing: str) -> Any:
    """Return the patterns to average, or the score as observed; see `redcore.benchmark.score_of`."""
    if missing == "random":
        return "as_observed"
    patterns = sorted(record.metrics["per_pattern"], key=lambda name: len(pattern_modalities(name)))
    return tuple(patterns[-1:] if missing == "none" else patterns[:-1])
