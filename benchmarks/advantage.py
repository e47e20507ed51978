"""Compare final supervision weights with missing rate, imputation loss, explained variance and label cost per modality.

    $ redcore fit digits --out RUN --method redcore --missing-rate fourier=0.2 --missing-rate pixels=0.8
    $ python benchmarks/advantage.py --data digits RUN [RUN ...]
    $ python benchmarks/advantage.py --records docs/results/advantage.jsonl.gz --method network
    $ python benchmarks/advantage.py --records docs/results/advantage.jsonl.gz --rules

The second form reads benchmark records. They have weights, missing rates and the imputation losses of training, which
are means over seeds, and over the latest quarter of the kept steps.

The third form prints one row per method with supervision weights. Rank correlations of single fits are averaged over
the fits of each data set; means and 95% t intervals are over data sets. The *label cost* of m is here the increase of
the test log loss (of ``1 - R2`` for regression) from a missing pattern with m to the pattern without m, averaged over
all such pairs of patterns. The *change* is the largest difference between two weights of a modality in the last third
of the kept steps, divided by the mean weight.

In the first form, all quantities but the weight and the missing rate are computed on the test split of a run, of which
no modality is removed. With the codes z_m of the samples that observe modality m, and their imputations g_m from the
other modalities:

- *imputation loss*: mean of ``||g_m - z_m||^2``, in the unit of the codes;
- *explained variance*: 1 minus this loss divided by the variance of z_m (R2 of the imputer);
- *label cost*: increase of the log loss if m is removed and the other modalities stay (for regression, of the squared
  error divided by the variance of the target);
- *Shapley value*: mean decrease of the same loss if m is added, over all sets of other modalities (R2 for regression).

A rank correlation of three or four modalities of one run means little; average it over runs and data sets.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr

from redcore import MultimodalData
from redcore._pattern_names import pattern_modalities
from redcore.benchmark import Record, RunScore, mean_interval, read_records
from redcore.explain import modality_value
from redcore.methods import Method
from redcore.methods.redcore import RedCore
from redcore.metrics import scores
from redcore.runs import Run


class Measures(NamedTuple):
    """Properties of each modality of a fitted run, each (n_modalities,)."""

    names: tuple[str, ...]
    weight: np.ndarray
    missing_rate: np.ndarray
    imputation_loss: np.ndarray
    explained_variance: np.ndarray
    label_cost: np.ndarray
    shapley_value: np.ndarray


COLUMNS = Measures._fields[1:]


def measure(finished: Run, source: str) -> Measures:
    """Return the measures of a run on the test split of its data; `source` is the name or path of the data."""
    method = finished.method
    if not isinstance(method, RedCore):
        raise SystemExit(
            f"{finished.folder}: method {finished.request.method} has no supervision weights; expected redcore"
        )
    test, _ = finished.rows_to_score(finished.read(source), "test")
    test = method.completed(method.schema.align(test)).loaded()
    rates = finished.record["realised_missing_rates"]["train"]
    loss, variance = imputation(method, test)
    is_regression = method.schema.target_kind.is_regression
    value = modality_value(method, test, "r2" if is_regression else "nll").shapley.values
    names, weight = tuple(method.active), method.supervision_weight
    return Measures(
        names,
        np.array([weight[name] for name in names]),
        np.array([rates[name] for name in names]),
        loss,
        1 - loss / variance,
        label_costs(method, test),
        np.array([value[name] for name in names]),
    )


def imputation(method: Method, data: MultimodalData) -> tuple[np.ndarray, np.ndarray]:
    """Return the imputation loss and the variance of each latent code over the samples that observe it."""
    n_modalities = len(method.active)
    losses, variances = np.zeros(n_modalities), np.zeros(n_modalities)
    for place in range(n_modalities):
        observed, hidden = with_and_without(data, place)
        codes, imputed = (
            method.transform(part).reshape(part.n_samples, n_modalities, -1) for part in (observed, hidden)
        )
        target = codes[:, place].astype(np.float64)
        losses[place] = ((imputed[:, place] - target) ** 2).sum(axis=1).mean()
        variances[place] = target.var(axis=0).sum()
    return losses, variances


def label_costs(method: Method, data: MultimodalData) -> np.ndarray:
    """Return the increase of the loss of the label if one modality is removed, for each modality."""
    costs = []
    for place in range(len(method.active)):
        observed, hidden = with_and_without(data, place)
        costs.append(label_loss(method, hidden) - label_loss(method, observed))
    return np.array(costs)


def with_and_without(data: MultimodalData, place: int) -> tuple[MultimodalData, MultimodalData]:
    """Return the samples that observe a modality and at least one other, with and without this modality."""
    availability = data.availability
    others = np.delete(availability, place, axis=1).any(axis=1)
    rows = np.flatnonzero(availability[:, place] & others)
    if not rows.size:
        raise SystemExit(f"no test sample observes {data.names[place]} and another modality")
    observed = data.take(rows)
    keep = observed.availability.copy()
    keep[:, place] = False
    return observed, observed.hide(keep)


def label_loss(method: Method, data: MultimodalData) -> float:
    """Return the log loss, or ``1 - R2`` for regression."""
    assert data.target is not None
    values = scores(data.target, method.predict(data), method.decide)
    loss = values.get("nll")
    if loss is not None:
        return float(loss)
    r2 = values.get("r2")
    if r2 is None:
        raise SystemExit("expected a target with one class per sample or a continuous target")
    return 1 - float(r2)


def correlations(measures: Measures) -> dict[str, float]:
    """Return Spearman's rank correlation of the weights with each other measure; NaN for constant weights."""
    if np.ptp(measures.weight) < 1e-6:
        return dict.fromkeys(COLUMNS[1:], float("nan"))
    return {name: float(spearmanr(measures.weight, getattr(measures, name)).statistic) for name in COLUMNS[1:]}


def print_table(title: str, measures: Measures) -> None:
    """Print one row per modality, and the correlations with the weight in the last row."""
    print(f"\n{title}\n\n| modality | {' | '.join(name.replace('_', ' ') for name in COLUMNS)} |")
    print("|---" * (1 + len(COLUMNS)) + "|")
    for place, name in enumerate(measures.names):
        values = [getattr(measures, column)[place] for column in COLUMNS]
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |")
    print(f"| Spearman with weight | | {' | '.join(f'{value:+.2f}' for value in correlations(measures).values())} |")


def print_records(records: Sequence[Record]) -> None:
    """Print the weights, and their rank correlations over modalities, per data set and protocol."""
    blocks: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.status == "done" and record.weights:
            blocks[record.data_title, record.protocol_title].append(record)
    print("| data | protocol | seeds | weights | sum / sqrt(M) | Spearman with missing rate | with imputation loss |")
    print("|---" * 7 + "|")
    found = []
    for (data, protocol), runs in sorted(blocks.items()):
        names = list(runs[0].weights)
        weight, rate, loss = np.mean([_of_record(record, names) for record in runs], axis=0)
        pair = [float(spearmanr(weight, other).statistic) for other in (rate, loss)]
        found.append([*pair, weight.sum() / len(names) ** 0.5])
        listed = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, weight, strict=True))
        cells = f"{found[-1][2]:.2f} | {pair[0]:+.2f} | {pair[1]:+.2f}"
        print(f"| {data} | {protocol} | {len(runs)} | {listed} | {cells} |")
    if found:
        means = np.mean(found, axis=0)
        print(f"| mean of {len(found)} | | | | {means[2]:.2f} | {means[0]:+.2f} | {means[1]:+.2f} |")


def _of_record(record: Record, names: Sequence[str]) -> list[list[float]]:
    def late_loss(name: str) -> float:
        column = record.history[f"imputation_loss/{name}"]
        return float(np.mean(column[-max(1, len(column) // 4) :]))

    rates = record.missing_rates["train"]
    return [[record.weights[n] for n in names], [rates[n] for n in names], [late_loss(n) for n in names]]


def pattern_costs(record: Record) -> dict[str, float]:
    """Return the label cost of each modality from the scores per missing pattern; NaN without a pair of patterns."""
    losses: dict[frozenset[str], float] = {}
    for name, scores_of_pattern in record.metrics["per_pattern"].items():
        loss, r2 = scores_of_pattern.get("nll"), scores_of_pattern.get("r2")
        if loss is not None or r2 is not None:
            losses[frozenset(pattern_modalities(name))] = loss if loss is not None else 1 - r2
    costs = {}
    for name in record.missing_rates["train"]:
        pairs = [(loss, losses.get(pattern | {name})) for pattern, loss in losses.items() if name not in pattern]
        increases = [without - full for without, full in pairs if full is not None]
        costs[name] = float(np.mean(increases)) if increases else float("nan")
    return costs


RULE_COLUMNS = (
    "weight and label cost",
    "weight and imputation loss",
    "weight and missing rate",
    "imputation loss and label cost",
    "missing rate and label cost",
    "change",
)


def of_rule(record: Record) -> list[float]:
    """Return the values of `RULE_COLUMNS` for one fit: rank correlations, and the change of the weights."""
    names = list(record.weights)
    weight, rate, loss = _of_record(record, names)
    cost = [pattern_costs(record)[name] for name in names]
    history = np.array([record.history[f"supervision_weight/{name}"] for name in names])
    last = history[:, -max(1, history.shape[1] // 3) :]
    pairs = [(weight, cost), (weight, loss), (weight, rate), (loss, cost), (rate, cost)]
    return [_rank_correlation(*pair) for pair in pairs] + [float(np.ptp(last, axis=1).max() / last.mean())]


def _rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Spearman's rank correlation; NaN for constant or undefined values."""
    if not np.isfinite([first, second]).all() or np.ptp(first) < 1e-6 or np.ptp(second) < 1e-6:
        return float("nan")
    return float(spearmanr(first, second).statistic)


def print_rules(records: Sequence[Record]) -> None:
    """Print the mean of each quantity over data sets, with a 95% interval, one row per method."""
    by_method: dict[str, dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record.status == "done" and record.weights:
            by_method[record.method_title][record.data_title].append(of_rule(record))
    if not by_method:
        raise SystemExit("no finished record has supervision weights")
    print(f"| method | fits, data sets | {' | '.join(RULE_COLUMNS)} |\n" + "|---" * (2 + len(RULE_COLUMNS)) + "|")
    for method, by_data in sorted(by_method.items()):
        table = np.array([_means(np.array(runs)) for runs in by_data.values()])
        cells = [over_data_sets(column) for column in table.T]
        n_runs = sum(len(runs) for runs in by_data.values())
        print(f"| {method} | {n_runs}, {len(by_data)} | {' | '.join(cells)} |")


def _means(runs: np.ndarray) -> list[float]:
    return [float(column[np.isfinite(column)].mean()) if np.isfinite(column).any() else np.nan for column in runs.T]


def over_data_sets(values: np.ndarray) -> str:
    """Return the mean of the finite values with its 95% t interval as text; empty without a finite value."""
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    one = mean_interval([RunScore(float(value)) for value in values])
    return f"{one.mean:+.2f}" if one.n_runs == 1 else f"{one.mean:+.2f} ({one.low:+.2f} to {one.high:+.2f})"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="finished run folder of 'redcore fit'")
    parser.add_argument("--data", help="data of the runs: bundled name or path")
    parser.add_argument("--records", type=Path, help="benchmark folder or file of packed records")
    parser.add_argument("--method", default="network", help="title of the method in the records")
    parser.add_argument("--rules", action="store_true", help="one row per method of the records")
    options = parser.parse_args(arguments)
    if options.records is not None:
        records = read_records(options.records)
        if options.rules:
            print_rules(records)
        else:
            print_records([record for record in records if record.method_title == options.method])
        return 0
    if not options.runs or options.data is None:
        parser.error("expected run folders and --data, or --records")
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for folder in options.runs:
        finished = Run.load(folder)
        measures = measure(finished, options.data)
        rule = finished.method.settings.dump()["balancing"]
        print_table(f"{folder}: rule {rule}", measures)
        found[rule].append(correlations(measures))
    for rule, runs in found.items():
        if len(runs) > 1:
            means = ", ".join(f"{name.replace('_', ' ')} {np.mean([r[name] for r in runs]):+.2f}" for name in runs[0])
            print(f"\n{rule}, mean Spearman correlation over {len(runs)} runs: {means}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
