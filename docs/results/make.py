"""Write the figure, findings, table and budget of every result page from its packed records.

    $ python docs/results/make.py            # all pages
    $ python docs/results/make.py uniform    # one page

Only the text between ``<!-- records -->`` and ``<!-- end -->`` of a page is generated.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
from ablation import ablation_figure, ablation_table
from accuracy import SCORES, accuracy_figure, accuracy_table, ceiling_figure, ceiling_table, f1_of
from equal_aids import difference_table, equal_aids_figure
from findings import FINDINGS, coverage
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from survival import survival_figure, survival_parts, survival_table
from tuned import tuned_figure, tuned_table

from redcore.benchmark import (
    Over,
    Record,
    degradation_curves,
    few_runs,
    imbalance_gaps,
    learning_balance,
    pattern_problems,
    rank_methods,
    read_records,
    summarise,
    trace_stability,
)
from redcore.plot import DegradationDisplay

HERE = Path(__file__).parent
# palette of Okabe and Ito, for all kinds of colour vision
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
Table = list[list[str]]


def methods_of(records: Sequence[Record]) -> list[str]:
    """Return the titles of the methods in the order of the benchmark."""
    return list(dict.fromkeys(record.cell.method.title() for record in sorted(records, key=lambda r: r.cell.seed)))


def panels(n: int, width: float = 4.2, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width * n, height + 0.5), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(1, n)))


def finish(figure: Figure, axes: Sequence[Axes]) -> Figure:
    """Add the grid and one legend below all panels."""
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), fontsize=8, frameon=False)
    return figure


def dot_plot(records: Sequence[Record], over: Over) -> Figure:
    """Plot the mean score of every method under every protocol, one panel per data set."""
    entries = summarise(records, score="argmax", over=over)
    data_sets = sorted({entry.data for entry in entries})
    methods = methods_of(records)
    protocols = list(dict.fromkeys(record.cell.protocol.title() for record in records))
    figure, axes = panels(len(data_sets), height=1.2 + 0.42 * len(protocols))
    for axis, data in zip(axes, data_sets, strict=True):
        for index, method in enumerate(methods):
            selected = [entry for entry in entries if (entry.data, entry.method) == (data, method)]
            positions = [protocols.index(entry.protocol) + 0.13 * (index - len(methods) / 2) for entry in selected]
            means = [entry.mean for entry in selected]
            bars = [[e.mean - e.low for e in selected], [e.high - e.mean for e in selected]]
            axis.errorbar(
                means, positions, xerr=bars, fmt=MARKERS[index], color=COLOURS[index], label=method, markersize=5
            )
        axis.set_yticks(range(len(protocols)), protocols if axis is axes[0] else [""] * len(protocols))
        axis.set_title(data, fontsize=10)
        axis.set_xlabel("macro-F1 of argmax")
        axis.invert_yaxis()
    return finish(figure, axes)


def scores_table(records: Sequence[Record], over: Over) -> Table:
    entries = summarise(records, score="argmax", over=over)
    methods = methods_of(records)
    by_cell = {(entry.data, entry.protocol, entry.method): entry for entry in entries}
    rows = [["data", "protocol", *methods]]
    for data, protocol in dict.fromkeys((entry.data, entry.protocol) for entry in entries):
        cells = [by_cell.get((data, protocol, method)) for method in methods]
        rows.append(
            [data, protocol, *("" if cell is None else interval(cell.mean, cell.low, cell.high) for cell in cells)]
        )
    return rows


def interval(mean: float, low: float, high: float, digits: int = 3) -> str:
    text = f"{mean:.{digits}f}"
    return text if np.isnan(low) or low == high else f"{text} ({low:.{digits}f} to {high:.{digits}f})"


def patterns_figure(records: Sequence[Record]) -> Figure:
    return dot_plot(records, "patterns")


def patterns_table(records: Sequence[Record]) -> Table:
    return scores_table(records, "patterns")


def observed_figure(records: Sequence[Record]) -> Figure:
    return dot_plot(records, "as_observed")


def observed_table(records: Sequence[Record]) -> Table:
    return scores_table(records, "as_observed")


def uniform_figure(records: Sequence[Record]) -> Figure:
    curves, methods = degradation_curves(records, score="argmax"), methods_of(records)
    data_sets = sorted({curve.data for curve in curves})
    figure, axes = panels(len(data_sets))
    for axis, data in zip(axes, data_sets, strict=True):
        for curve in (curve for curve in curves if curve.data == data):
            index = methods.index(curve.method)
            bars = [np.subtract(curve.means, curve.lows), np.subtract(curve.highs, curve.means)]
            axis.errorbar(
                curve.rates, curve.means, bars, color=COLOURS[index], marker=MARKERS[index], label=curve.method
            )
        axis.set_title(data, fontsize=10)
        axis.set_xlabel("missing rate in training")
        axis.set_ylabel("macro-F1 of argmax, mean of patterns")
    return finish(figure, axes)


def uniform_table(records: Sequence[Record]) -> Table:
    gaps = imbalance_gaps(records, score="argmax")
    rows = [["data", "method", "area under the curve", *sorted({f"shared minus {gap.protocol}" for gap in gaps})]]
    for curve in degradation_curves(records, score="argmax"):
        by_name = {f"shared minus {g.protocol}": g for g in gaps if (g.data, g.method) == (curve.data, curve.method)}
        selected = [by_name.get(name) for name in rows[0][3:]]
        cells = ["" if gap is None else interval(gap.gap, gap.low, gap.high) for gap in selected]
        rows.append([curve.data, curve.method, "" if curve.area is None else f"{curve.area:.3f}", *cells])
    return rows


def stability_figure(records: Sequence[Record]) -> Figure:
    methods = [method for method in methods_of(records) if "fixed" not in method]
    data_sets = sorted({record.cell.data.title() for record in records})
    figure, axes = panels(len(methods) * len(data_sets), width=3.3)
    pairs = [(data, method) for data in data_sets for method in methods]
    for axis, (data, method) in zip(axes, pairs, strict=True):
        runs = [r for r in records if (r.cell.data.title(), r.cell.method.title()) == (data, method)]
        names = [name for name in runs[0].history if name.startswith("supervision_weight/")]
        for record in runs:
            for index, name in enumerate(names):
                label = name.partition("/")[2] if record is runs[0] else None
                axis.plot(record.history["step"], record.history[name], color=COLOURS[index], alpha=0.5, label=label)
        axis.set_title(f"{data}\n{method}", fontsize=9)
        axis.set_xlabel("step")
        axis.legend(fontsize=7, frameon=False)
    axes[0].set_ylabel("supervision weight")
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def stability_table(records: Sequence[Record]) -> Table:
    rows = [["data", "method", "quantity", "mean ± sd over seeds", "still moving (sd)", "Kendall's W", "settled after"]]
    for quantity in ("supervision_weight", "relative_advantage"):
        for one in trace_stability(records, quantity):
            if "fixed" not in one.method:
                means = ", ".join(
                    f"{name} {m:.2f} ± {one.deviations.get(name, 0):.2f}" for name, m in one.means.items()
                )
                moving = f"{np.mean(list(one.within.values())):.3f}"
                agreement = "" if one.agreement is None else f"{one.agreement:.2f}"
                rows.append(
                    [one.data, one.method, quantity, means, moving, agreement, f"{one.settled:.0%} of training"]
                )
    balances = {
        method: [b for r in records if r.cell.method.title() == method and (b := learning_balance(r)) is not None]
        for method in methods_of(records)
    }
    rows += [
        ["all", m, "learning balance", f"{np.mean(b):.3f} ± {np.std(b):.3f}", "", "", ""]
        for m, b in balances.items()
        if b
    ]
    return rows


def seconds_to_loss(record: Record, target: float) -> float | None:
    """Return the CPU seconds of training until the validation loss reached `target`; None if it never did."""
    losses = record.epochs["validation_loss"]
    first = next((index for index, loss in enumerate(losses) if loss <= target), None)
    return (
        None
        if first is None
        else record.cpu_seconds["fit"] * (record.epochs["epoch"][first] + 1) / (record.epochs["epoch"][-1] + 1)
    )


def bilevel_targets(records: Sequence[Record]) -> dict[tuple[str, int], float]:
    """Return the loss that every rule reaches, by data set and seed: the highest of their lowest losses."""
    lowest: dict[tuple[str, int], list[float]] = {}
    for record in records:
        lowest.setdefault((record.cell.data.title(), record.cell.seed), []).append(
            min(record.epochs["validation_loss"])
        )
    return {key: max(losses) for key, losses in lowest.items()}


def bilevel_rows(records: Sequence[Record]) -> list[tuple[str, str, list[float], list[float], list[float]]]:
    targets = bilevel_targets(records)
    rows = []
    for data in sorted({record.cell.data.title() for record in records}):
        for method in methods_of(records):
            runs = [r for r in records if (r.cell.data.title(), r.cell.method.title()) == (data, method)]
            times = [t for r in runs if (t := seconds_to_loss(r, targets[data, r.cell.seed])) is not None]
            per_step = [1000 * record.cpu_seconds["fit"] / record.n_steps for record in runs]
            rows.append((data, method, [f1_of(record) for record in runs], per_step, times))
    return rows


def bilevel_figure(records: Sequence[Record]) -> Figure:
    rows = bilevel_rows(records)
    data_sets, methods = sorted({row[0] for row in rows}), methods_of(records)
    figure, axes = panels(len(data_sets))
    for axis, data in zip(axes, data_sets, strict=True):
        for _, method, scores, per_step, _ in (row for row in rows if row[0] == data):
            index = methods.index(method)
            axis.plot(per_step, scores, MARKERS[index], color=COLOURS[index], label=method)
        axis.set_title(data, fontsize=10)
        axis.set_xlabel("CPU milliseconds per step")
        axis.set_ylabel("macro-F1 of argmax, mean of patterns")
    return finish(figure, axes)


def bilevel_table(records: Sequence[Record]) -> Table:
    rows = [["data", "rule", "macro-F1 of argmax", "CPU ms per step", "CPU s to the same validation loss"]]
    for data, method, scores, per_step, times in bilevel_rows(records):
        rows.append([data, method, f"{np.mean(scores):.3f}", f"{np.mean(per_step):.1f}", f"{np.mean(times):.1f}"])
    return rows


def many_modalities_figure(records: Sequence[Record]) -> Figure:
    figure, axes = panels(3, width=3.6)
    kinds: tuple[tuple[str, Callable[[Record], float]], ...] = (
        ("macro-F1 of argmax, mean of patterns", f1_of),
        ("CPU seconds to fit", lambda record: record.cpu_seconds["fit"]),
        ("parameters", lambda record: record.n_parameters or np.nan),
    )
    for axis, (label, read) in zip(axes, kinds, strict=True):
        for index, method in enumerate(methods_of(records)):
            points: dict[int, list[float]] = {}
            for record in records:
                if record.cell.method.title() == method:
                    points.setdefault(int(record.cell.data.options["n_modalities"]), []).append(read(record))
            counts = sorted(points)
            means = [np.mean(points[count]) for count in counts]
            axis.plot(counts, means, marker=MARKERS[index], color=COLOURS[index], label=method)
        axis.set_xscale("log")
        axis.set_xticks([3, 5, 10, 20, 40], ["3", "5", "10", "20", "40"])
        axis.minorticks_off()
        axis.set_xlabel("modalities")
        axis.set_ylabel(label)
    axes[1].set_yscale("log")
    axes[2].set_yscale("log")
    return finish(figure, axes)


def many_modalities_table(records: Sequence[Record]) -> Table:
    rows = [
        ["data", "method", "macro-F1 of argmax", "CPU s to fit", "CPU s to score", "memory added, MB", "parameters"]
    ]
    for data in sorted({record.cell.data.title() for record in records}):
        for method in methods_of(records):
            runs = [r for r in records if (r.cell.data.title(), r.cell.method.title()) == (data, method)]
            if runs:
                rows.append([data, method, f"{np.mean([f1_of(r) for r in runs]):.3f}", *costs(runs)])
    return rows


def costs(records: Sequence[Record]) -> list[str]:
    """Return CPU seconds to fit and to score, added memory in MB, and the number of parameters, as text."""
    cpu = [f"{np.mean([record.cpu_seconds[stage] for record in records]):.1f}" for stage in ("fit", "predict")]
    memory = max((record.growth_bytes or 0) / 1e6 for record in records)
    return [*cpu, f"{memory:.0f}", f"{records[0].n_parameters:,}"]


def hardware_figure(records: Sequence[Record]) -> Figure:
    data_sets = sorted({record.cell.data.title() for record in records})
    figure, axes = panels(len(data_sets))
    methods = methods_of(records)
    for axis, data in zip(axes, data_sets, strict=True):
        for offset, (label, read) in enumerate((("wall clock", "seconds"), ("CPU", "cpu_seconds"))):
            means = [
                np.mean(
                    [
                        getattr(r, read)["fit"]
                        for r in records
                        if (r.cell.data.title(), r.cell.method.title()) == (data, m)
                    ]
                )
                for m in methods
            ]
            axis.bar(np.arange(len(methods)) + 0.4 * offset, means, 0.38, color=COLOURS[offset], label=label)
        axis.set_xticks(np.arange(len(methods)) + 0.2, methods, rotation=20, ha="right", fontsize=8)
        axis.set_title(data, fontsize=10)
        axis.set_ylabel("seconds to fit")
    return finish(figure, axes)


def hardware_table(records: Sequence[Record]) -> Table:
    rows = [["data", "setting", "macro-F1 of argmax", "seconds to fit", "CPU s to fit", "memory added, MB"]]
    for data in sorted({record.cell.data.title() for record in records}):
        for method in methods_of(records):
            runs = [r for r in records if (r.cell.data.title(), r.cell.method.title()) == (data, method)]
            wall = f"{np.mean([record.seconds['fit'] for record in runs]):.1f}"
            cpu, _, memory, _ = costs(runs)
            rows.append([data, method, f"{np.mean([f1_of(r) for r in runs]):.3f}", wall, cpu, memory])
    return rows


PAGES: dict[str, tuple[Callable[[Sequence[Record]], Figure], Callable[[Sequence[Record]], Table]]] = {
    "quick": (patterns_figure, patterns_table),
    "uniform": (uniform_figure, uniform_table),
    "extreme": (patterns_figure, patterns_table),
    "stability": (stability_figure, stability_table),
    "bilevel-cost": (bilevel_figure, bilevel_table),
    "pattern-shift": (observed_figure, observed_table),
    "many-modalities": (many_modalities_figure, many_modalities_table),
    "domain-shift": (observed_figure, observed_table),
    "two-modalities": (patterns_figure, patterns_table),
    "hardware": (hardware_figure, hardware_table),
    "ablation": (ablation_figure, partial(ablation_table, score="argmax")),
    "tuned": (tuned_figure, tuned_table),
    "accuracy": (equal_aids_figure, partial(accuracy_table, score="argmax")),
    "unseen": (accuracy_figure, partial(accuracy_table, score="argmax")),
    "ceiling": (ceiling_figure, ceiling_table),
    "real-missingness": (observed_figure, observed_table),
    "survival": (survival_figure, survival_table),
    "informative": (observed_figure, observed_table),
    "within-modality": (observed_figure, observed_table),
}

BOTH_SCORES = ("ablation", "accuracy", "unseen")
"""Pages with one table by macro-F1 of argmax and one by log loss."""


def overview_figure(records: Sequence[Record]) -> Figure:
    """Plot the score of five methods against the number of missing modalities, for the first figure of the README."""
    methods = ("redcore, stacked", "stack", "redcore", "late_fusion", "boosting")
    figure, axes = panels(4, width=2.9, height=2.6)
    for axis, data in zip(axes, ("digits", "leaves100", "utd_mhad", "wesad"), strict=True):
        chosen = [r for r in records if r.data_title == data and r.method_title in methods]
        DegradationDisplay.from_records(chosen, data=data, score="argmax", ax=axis)
        axis.get_legend().remove()
        axis.set_title(data, fontsize=10)
        axis.set_ylabel("macro-F1 of argmax" if axis is axes[0] else "")
    return finish(figure, axes)


def budget(records: Sequence[Record], failed: int) -> str:
    """Return the computational budget of the records as text."""
    seeds = Counter(record.cell.seed for record in records)
    cpu = sum(sum(record.cpu_seconds.values()) for record in records) / 60
    commits = sorted({record.git.get("commit", "unknown")[:7] for record in records})
    machines = sorted({f"{r.machine.get('cpu', 'unknown')}, {r.machine.get('n_cores', '?')} cores" for r in records})
    return (
        f"{failed} failed; seeds {min(seeds)} to {max(seeds)}, {cpu:.1f} CPU minutes, "
        f"{'; '.join(machines)}, commit {', '.join(commits)}."
    )


def markdown(rows: Table) -> str:
    header, *others = rows
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *others))


def rankings(name: str, records: Sequence[Record]) -> list[str]:
    """Return the tables of mean ranks by log loss and macro-F1 of argmax (or leads, for survival) with their titles."""
    if name in BOTH_SCORES:
        tabulate = ablation_table if name == "ablation" else accuracy_table
        parts = [f"By {SCORES['proper']}:", markdown(tabulate(records, "proper"))]
        if name == "accuracy":
            units = {"argmax": "points (hundredths of macro-F1, or of R2)", "proper": "nats (R2 for houses)"}
            for score, unit in units.items():
                parts += [f"Differences in {unit}, positive in favour of the first method:"]
                parts += [markdown(difference_table(records, score))]
        return parts
    if name == "survival":
        return [part for heading, rows in survival_parts(records) for part in (heading, markdown(rows))]
    if name == "tuned":
        return []
    columns = {}
    over: Over = "as_observed" if PAGES[name][1] is observed_table else "patterns"
    for score, label in SCORES.items():
        ranking = rank_methods(records, score=score, over=over)
        if ranking is not None and len(ranking.methods) > 1:
            ranks = zip(ranking.methods, ranking.mean_ranks, strict=True)
            columns[label] = {method: f"{rank:.2f}" for method, rank in ranks}
    if not columns:
        return []
    methods = dict.fromkeys(method for ranks in columns.values() for method in ranks)
    rows = [[method, *(ranks.get(method, "") for ranks in columns.values())] for method in methods]
    return ["Mean ranks over data sets and protocols that all methods have:", markdown([["method", *columns], *rows])]


def limits(records: Sequence[Record]) -> str:
    """Return warnings about few runs, intervals without test noise, and patterns without reliable scores."""
    notes = [note for note in (few_runs(summarise(records, score="argmax")),) if note is not None]
    problems = pattern_problems(records)
    if problems:
        notes.append(f"patterns without reliable scores: {'; '.join(problems)}")
    return f"**Intervals.** {'. '.join(note[0].upper() + note[1:] for note in notes)}." if notes else ""


def make(name: str) -> None:
    """Write the figure and the generated block of a page."""
    all_records = read_records(HERE / f"{name}.jsonl.gz")
    records = [record for record in all_records if record.status == "done"]
    draw, tabulate = PAGES[name]
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.size": 9}):
        draw(records).savefig(HERE / f"{name}.svg", metadata={"Date": None})
        if name == "accuracy":
            overview_figure(records).savefig(HERE / "overview.svg", metadata={"Date": None})
    table = markdown(tabulate(records))
    if name in BOTH_SCORES:
        table = f"By {SCORES['argmax']}:\n\n{table}"
    page = HERE / f"{name}.md"
    before, _, rest = page.read_text(encoding="utf-8").partition("<!-- records -->")
    _, _, after = rest.partition("<!-- end -->")
    figure = f"![{name}: the table below as a figure]({name}.svg)"
    sentences = "\n".join(f"- {sentence}" for sentence in FINDINGS[name](records))
    run = f"{coverage(name, records)}; {budget(records, len(all_records) - len(records))}"
    parts = ["**Findings.**", sentences, figure, table, *rankings(name, records), limits(records), f"**Budget.** {run}"]
    block = "\n\n".join(["", *(part for part in parts if part), ""])
    page.write_text(f"{before}<!-- records -->{block}<!-- end -->{after}", encoding="utf-8")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or [name for name in PAGES if (HERE / f"{name}.jsonl.gz").exists()]:
        make(chosen)
