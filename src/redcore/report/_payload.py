"""What a page knows: records, packed small enough that thousands of them open at once."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import studentized_range, t

from redcore._histories import thinned
from redcore.benchmark import (
    Result,
    best_single_modality,
    conflicts,
    learning_balance,
    modality_equity,
    score_names,
    summarise,
)
from redcore.metrics import HEADLINES, SCORES, is_lower_better, score_label

__all__ = ["payload"]

TRACE_POINTS = 40_000
"""Points of one column of the history, over all records."""
DIGITS = 5


class _Numbered:
    """Gives every different value a number; values are kept once."""

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
    """Packs records one after the other into lists of numbers."""

    def __init__(self, metrics: Sequence[str], most_points: int, best_single: Mapping[str, dict[str, float]]) -> None:
        self.data, self.protocols, self.methods, self.seeds = (_Numbered() for _ in range(4))
        self.patterns, self.pattern_sets, self.values = (_Numbered() for _ in range(3))
        self.metrics, self.most_points, self.best_single = metrics, most_points, best_single
        self.modalities: dict[int, list[str]] = {}
        self.rates: dict[int, list[float]] = {}
        self.mechanisms: dict[int, str] = {}
        self.headline: dict[int, int] = {}
        self.fields: list[str] = []

    def learn_modalities(self, record: Result) -> None:
        """Take note of the modalities of the data set; patterns refer to them by number."""
        found = {name for pattern in record.metrics.get("per_pattern", {}) for name in pattern.split("+")}
        data = self.data.number(record.data_title)
        self.modalities[data] = sorted({*self.modalities.get(data, []), *found})

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
            return {**packed, "error": record.error or "no reason was recorded"}
        self._learn_rates(protocol, record)
        equity = modality_equity(record, self.best_single.get(record.data_title)) if record.metrics else None
        return {
            **packed,
            **self._scores(data, record),
            **_costs(record),
            **self._histories(record),
            "equity": _rounded(equity),
            "balance": _rounded(learning_balance(record)),
        }

    def _learn_rates(self, protocol: int, record: Result) -> None:
        train = record.missing_rates.get("train")
        if train:
            self.rates.setdefault(protocol, []).append(float(np.mean(list(train.values()))))

    def _scores(self, data: int, record: Result) -> dict[str, Any]:
        per_pattern: dict[str, dict[str, Any]] = record.metrics.get("per_pattern", {})
        names = self.modalities[data]
        numbers = [self.patterns.number([data, *map(names.index, pattern.split("+"))]) for pattern in per_pattern]
        for place, metric in enumerate(self.metrics):
            if metric in HEADLINES and any(scores.get(metric) is not None for scores in per_pattern.values()):
                self.headline.setdefault(data, place)
        return {
            "set": self.pattern_sets.number(numbers),
            "scores": [_row(per_pattern.values(), metric) for metric in self.metrics],
            **{
                over: [_rounded(record.metrics.get(over, {}).get(metric)) for metric in self.metrics]
                for over in ("pooled", "as_observed")
            },
        }

    def _histories(self, record: Result) -> dict[str, Any]:
        kept = {
            "history": _packed_columns(record.history, "step", self.most_points),
            "epochs": _packed_columns(record.epochs, "epoch", self.most_points),
        }
        return {table: columns for table, columns in kept.items() if columns}

    def _configuration(self, record: Result) -> list[int | None]:
        flat = record.configuration()
        for name in flat:
            if name not in self.fields:
                self.fields.append(name)
        return [self.values.number(flat[name]) if name in flat else None for name in self.fields]


def payload(records: Sequence[Result], title: str) -> dict[str, Any]:
    """Return what a page embeds.

    Parameters
    ----------
    records : sequence of Result
    title : str
        What was asked.

    Returns
    -------
    dict
        Ready for JSON: lists of names, and records that refer to them by number. Scores have 5 decimals. Intervals are
        those of `summarise`, so that page and tables show the same.
    """
    ordered = sorted(records, key=_order)
    # a run without a test part has no scores
    scored = [record for record in ordered if record.metrics]
    most_points = max(20, min(100, TRACE_POINTS // max(1, len(ordered))))
    packer = _Packer(_metrics(scored), most_points, best_single_modality(scored))
    for record in ordered:
        packer.learn_modalities(record)
    packed = [packer.pack(record) for record in ordered]
    _fill(packed, len(packer.fields))
    n_methods, n_seeds = len(packer.methods.values), len(packer.seeds.values)
    return {
        "title": title,
        **_lists(packer),
        "intervals": _intervals(scored, packer),
        "conflicts": conflicts(scored),
        "tQuantiles": [round(float(t.ppf(0.975, freedom)), 4) for freedom in range(1, max(2, n_seeds))],
        "nemenyi": [round(float(studentized_range.ppf(0.95, k, np.inf)) / 2**0.5, 4) for k in range(2, n_methods + 1)],
        "records": packed,
    }


def _lists(packer: _Packer) -> dict[str, Any]:
    """Return the lists that records refer to by number."""
    n_data, n_protocols = len(packer.data.values), len(packer.protocols.values)
    return {
        "data": packer.data.values,
        "protocols": packer.protocols.values,
        "mechanisms": [packer.mechanisms[place] for place in range(n_protocols)],
        "rates": [_mean_rate(packer.rates.get(place)) for place in range(n_protocols)],
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
    known = list(SCORES)
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
    """Bring all configurations to the same length: later records may have brought fields."""
    for record in packed:
        record["configuration"] += [None] * (n_fields - len(record["configuration"]))


def _mean_rate(rates: list[float] | None) -> float | None:
    return round(float(np.mean(rates)), 3) if rates else None


def _intervals(records: Sequence[Result], packer: _Packer) -> dict[str, list[float]]:
    found = {}
    for entry in summarise(records):
        numbers = (
            packer.data.number(entry.data),
            packer.protocols.number(entry.protocol),
            packer.methods.number(entry.method),
        )
        found[" ".join(map(str, numbers))] = [round(entry.low, DIGITS), round(entry.high, DIGITS)]
    return found
