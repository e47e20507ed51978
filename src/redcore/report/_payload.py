"""JSON data of a page: records in a compact form, so that a page with thousands of them opens quickly."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import studentized_range, t

from redcore._histories import thinned
from redcore._pattern_names import pattern_modalities
from redcore.benchmark import (
    Result,
    best_single_modality,
    conflicts,
    few_runs,
    learning_balance,
    modality_equity,
    named_score,
    overall_intervals,
    pattern_problems,
    score_names,
    summarise,
    test_ratio,
    tuning_warnings,
)
from redcore.metrics import is_lower_better, known_scores, score_label

__all__ = ["payload"]

TRACE_POINTS = 40_000
"""Maximum number of points per history column, summed over all records."""
DIGITS = 5
HEADLINES = ("proper", "nll", "r2", "uno_c", "macro_f1")
"""Scores that a page shows first: the first one that a data set has; "proper" as in `named_score`."""
T_QUANTILES = 100
"""Largest degrees of freedom with a quantile of Student's t on the page."""


class _Index:
    """List of distinct JSON-compatible values, each with an integer index."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: object) -> int:
        text = json.dumps(value, sort_keys=True)
        if text not in self._numbers:
            self._numbers[text] = len(self.values)
            self.values.append(value)
        return self._numbers[text]


class _Packer:
    """Conversion of records to a compact form that refers to common values by index."""

    def __init__(
        self,
        metrics: Sequence[str],
        headlines: Sequence[str],
        max_points: int,
        best_single: Mapping[str, dict[str, float]],
    ) -> None:
        self.data, self.protocols, self.methods, self.seeds = (_Index() for _ in range(4))
        self.patterns, self.pattern_sets, self.values, self.splits = (_Index() for _ in range(4))
        self.metrics, self.headlines, self.max_points, self.best_single = metrics, headlines, max_points, best_single
        self.modalities: dict[int, list[str]] = {}
        self.rates: dict[int, list[float]] = {}
        self.mechanisms: dict[int, str] = {}
        self.headline: dict[int, int] = {}
        self.fields: list[str] = []

    def add_modalities(self, record: Result) -> None:
        """Add the modalities of the record to those of its data set. Packed patterns refer to them by index."""
        names = {name for pattern in record.metrics.get("per_pattern", {}) for name in pattern_modalities(pattern)}
        data = self.data.number(record.data_title)
        self.modalities[data] = sorted({*self.modalities.get(data, []), *names})

    def pack(self, record: Result) -> dict[str, Any]:
        data = self.data.number(record.data_title)
        protocol = self.protocols.number(record.protocol_title)
        self.mechanisms[protocol] = record.protocol_name
        packed = {
            "key": record.key,
            "d": data,
            "p": protocol,
            "m": self.methods.number(record.method_title),
            "s": self.seeds.number(_repetition(record)),
            "configuration": self._configuration(record),
        }
        if record.status == "failed":
            return {**packed, "error": record.error or "unknown error"}
        self._add_rates(protocol, record)
        equity = modality_equity(record, self.best_single.get(record.data_title)) if record.metrics else None
        return {
            **packed,
            **self._scores(data, record),
            **_costs(record),
            "split": self.splits.number(record.checksums.get("split", "")),
            "ratio": _rounded(test_ratio(record)),
            **self._histories(record),
            "equity": _rounded(equity),
            "balance": _rounded(learning_balance(record)),
        }

    def _add_rates(self, protocol: int, record: Result) -> None:
        train = record.missing_rates.get("train")
        if train:
            self.rates.setdefault(protocol, []).append(float(np.mean(list(train.values()))))

    def _scores(self, data: int, record: Result) -> dict[str, Any]:
        per_pattern: dict[str, dict[str, Any]] = record.metrics.get("per_pattern", {})
        names = self.modalities[data]
        numbers = [
            self.patterns.number([data, *map(names.index, pattern_modalities(pattern))]) for pattern in per_pattern
        ]
        named = [named_score(record, self.headlines[0])] if per_pattern else []
        for metric in (*named, *self.headlines):
            if metric in self.metrics and any(scores.get(metric) is not None for scores in per_pattern.values()):
                self.headline.setdefault(data, self.metrics.index(metric))
        return {
            "set": self.pattern_sets.number(numbers),
            "scores": [_row(per_pattern.values(), metric) for metric in self.metrics],
            **{
                over: [_rounded(record.metrics.get(over, {}).get(metric)) for metric in self.metrics]
                for over in ("pooled", "as_observed")
            },
        }

    def _histories(self, record: Result) -> dict[str, Any]:
        histories = {
            "history": _packed_columns(record.history, "step", self.max_points),
            "epochs": _packed_columns(record.epochs, "epoch", self.max_points),
        }
        return {name: columns for name, columns in histories.items() if columns}

    def _configuration(self, record: Result) -> list[int | None]:
        flat = record.configuration()
        for name in flat:
            if name not in self.fields:
                self.fields.append(name)
        return [self.values.number(flat[name]) if name in flat else None for name in self.fields]


def payload(records: Sequence[Result], title: str, score: str | None = None) -> dict[str, Any]:
    """Return the data that a page embeds.

    Parameters
    ----------
    records : sequence of Result
        Finished and failed results.
    title : str
        Title of the page.
    score : str, optional
        Score that the page shows first. Default: log loss, or R2 for regression.

    Returns
    -------
    dict
        JSON-compatible: lists of names and values, and records that refer to them by index. Scores are rounded to 5
        decimals. Intervals are those of `summarise` and `overall_intervals`, so that pages and tables agree.
    """
    ordered = sorted(records, key=_order)
    # a run without a test split has no scores
    scored = [record for record in ordered if record.metrics]
    max_points = max(20, min(100, TRACE_POINTS // max(1, len(ordered))))
    headlines = HEADLINES if score is None else (score,)
    packer = _Packer(_metrics(scored), headlines, max_points, best_single_modality(scored))
    for record in ordered:
        packer.add_modalities(record)
    packed = [packer.pack(record) for record in ordered]
    _fill(packed, len(packer.fields))
    n_methods = len(packer.methods.values)
    return {
        "title": title,
        "sample": None,
        "focus": 0,
        "order": list(range(n_methods)),
        "leads": {},
        "patternLeads": {},
        "training": {},
        "calibration": {},
        **_lists(packer),
        "intervals": _intervals(scored, packer),
        "overall": _overall(scored, packer),
        "warnings": _warnings(scored),
        "problems": pattern_problems(scored),
        "conflicts": conflicts(scored),
        "tQuantiles": [round(float(t.ppf(0.975, degrees)), 4) for degrees in range(1, T_QUANTILES + 1)],
        "nemenyi": [round(float(studentized_range.ppf(0.95, k, np.inf)) / 2**0.5, 4) for k in range(2, n_methods + 1)],
        "records": packed,
    }


def _lists(packer: _Packer) -> dict[str, Any]:
    """Return the lists to which packed records refer by index."""
    n_data, n_protocols = len(packer.data.values), len(packer.protocols.values)
    return {
        "data": packer.data.values,
        "protocols": packer.protocols.values,
        "mechanisms": [packer.mechanisms[index] for index in range(n_protocols)],
        "rates": [_mean_rate(packer.rates.get(index)) for index in range(n_protocols)],
        "methods": packer.methods.values,
        "seeds": packer.seeds.values,
        "metrics": [{"name": n, "label": score_label(n), "lower": is_lower_better(n)} for n in packer.metrics],
        "headline": [packer.headline.get(data) for data in range(n_data)],
        "modalities": [packer.modalities[data] for data in range(n_data)],
        "patterns": [pattern[1:] for pattern in packer.patterns.values],
        "dataOfPattern": [pattern[0] for pattern in packer.patterns.values],
        "patternSets": packer.pattern_sets.values,
        "fields": packer.fields,
        "values": packer.values.values,
    }


def _order(record: Result) -> tuple[str, str, int, str]:
    return record.data_title, record.protocol_title, record.seed, record.key


def _repetition(record: Result) -> int | str:
    return record.seed if record.fold is None else f"{record.seed}, fold {record.fold}"


def _metrics(records: Sequence[Result]) -> list[str]:
    known = list(known_scores())
    return sorted(
        score_names(records),
        key=lambda name: (known.index(name) if name in known else len(known), name),
    )


def _row(patterns: Sequence[Mapping[str, Any]] | Any, metric: str) -> list[float | None] | None:
    values = [_rounded(scores.get(metric)) for scores in patterns]
    return values if any(value is not None for value in values) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _costs(record: Result) -> dict[str, Any]:
    return {
        "fit": round(record.seconds.get("fit", 0.0), 3),
        "parameters": record.n_parameters,
        "memory": record.peak_bytes or None,
    }


def _packed_columns(columns: Mapping[str, Sequence[float]], index: str, n_rows: int) -> dict[str, Any] | None:
    """Return the thinned columns of a history and the steps or epochs of their rows; None if it has no rows."""
    packed = thinned(columns, index, n_rows)
    if not packed:
        return None
    at = packed.pop(index)
    return {"at": at, "columns": {name: [_short(value) for value in column] for name, column in packed.items()}}


def _short(value: float) -> float | None:
    return float(f"{value:.3g}") if np.isfinite(value) else None


def _fill(packed: list[dict[str, Any]], n_fields: int) -> None:
    """Pad all configurations with None to the same length, because later records may have added fields."""
    for record in packed:
        record["configuration"] += [None] * (n_fields - len(record["configuration"]))


def _mean_rate(rates: list[float] | None) -> float | None:
    return round(float(np.mean(rates)), 3) if rates else None


def _intervals(records: Sequence[Result], packer: _Packer) -> list[dict[str, list[float]]]:
    """Return the intervals of the means over missing patterns by metric, and by data set, protocol and method."""
    return [
        {
            " ".join(
                str(numbers.number(name))
                for numbers, name in (
                    (packer.data, entry.data),
                    (packer.protocols, entry.protocol),
                    (packer.methods, entry.method),
                )
            ): [round(entry.low, DIGITS), round(entry.high, DIGITS)]
            for entry in summarise(records, score=metric)
            if np.isfinite(entry.low)
        }
        for metric in packer.metrics
    ]


def _overall(records: Sequence[Result], packer: _Packer) -> list[dict[int, list[float]]]:
    """Return the intervals of the means over all data sets by metric and method."""
    return [
        {
            packer.methods.number(method): [round(one.low, DIGITS), round(one.high, DIGITS)]
            for method, one in overall_intervals(records, score=metric).items()
            if np.isfinite(one.low)
        }
        for metric in packer.metrics
    ]


def _warnings(records: Sequence[Result]) -> list[str]:
    # the page of a single run compares nothing
    warning = few_runs(summarise(records)) if len(records) > 1 else None
    return ([] if warning is None else [warning]) + tuning_warnings(records)
