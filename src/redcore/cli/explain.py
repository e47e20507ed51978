"""``redcore explain``: what each modality is worth to a run, and which one was under-trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redcore.cli._options import Data, Json, Rows, Seed

if TYPE_CHECKING:
    from redcore._types import AnyArray
    from redcore.data import MultimodalData
    from redcore.explain import TrainingState
    from redcore.methods import Method

__all__ = ["explain"]

MAX_ACQUISITION_ROWS = 2000


def explain(
    run: Annotated[Path, typer.Argument(help="Run folder that 'redcore fit' has finished.")],
    data: Data,
    metric: Annotated[str | None, typer.Option(help="accuracy, nll, ...; default: macro-F1, R2 for numbers.")] = None,
    rows: Annotated[Rows, typer.Option(help="As in 'redcore evaluate'.")] = Rows.AUTO,
    out: Annotated[Path | None, typer.Option(help="Folder for explain.json, acquisition.csv and pictures.")] = None,
    permutations: Annotated[int, typer.Option(help="Orders drawn beyond 10 modalities.", min=2)] = 200,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Show what each modality of RUN is worth on DATA, what acquiring a missing one is, and what was under-trained."""
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.explain import modality_value, training_states
    from redcore.runs import Run, read_data

    done = Run.load(run)
    method = done.method
    scored, which = done.rows_to_score(read_data(data), rows.value)
    with warnings_as_messages():
        value = modality_value(method, scored, metric, n_permutations=permutations, seed=seed)
        acquisition = _acquisition(method, scored, seed)
    steps = done.history
    states = training_states(steps, done.record["realised_missing_rates"]["train"])
    content: dict[str, Any] = {"run": str(run), "data": data, "rows": which, "value": value.to_dict()}
    content["acquisition"] = _summary(acquisition)
    content["training"] = [state.to_dict() for state in states]
    if out is not None:
        _write(out, content, acquisition, steps)
    if as_json:
        print_json(content)
        return
    _print(content, states)


def _acquisition(method: "Method", data: "MultimodalData", seed: int) -> "dict[str, AnyArray]":
    """Return what acquiring each missing modality is worth by sample; nothing where none is missing or imputed."""
    import numpy as np

    from redcore.uncertainty import Completions, acquisition_values

    data = method.completed(method.schema.align(data))
    lacking = np.flatnonzero(~data.availability.all(axis=1))[:MAX_ACQUISITION_ROWS]
    if not method.imputes_codes or not lacking.size:
        return {}
    values = acquisition_values(Completions.make(method, data, seed), data.take(lacking), seed=seed)
    return {"sample_id": data.sample_ids[lacking], **dict(zip(method.active, values.T, strict=True))}


def _summary(acquisition: "dict[str, AnyArray]") -> dict[str, dict[str, float]]:
    import numpy as np

    columns = {name: values[~np.isnan(values)] for name, values in acquisition.items() if name != "sample_id"}
    return {
        name: {"n_samples": len(values), "mean": float(values.mean()), "largest": float(values.max())}
        for name, values in columns.items()
        if len(values)
    }


def _write(
    out: Path, content: dict[str, Any], acquisition: "dict[str, AnyArray]", steps: "dict[str, AnyArray]"
) -> None:
    import pyarrow as pa

    from redcore._files import write_atomic, write_json
    from redcore.report import supervision_figure, worth_figure
    from redcore.runs import write_table

    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "explain.json", content)
    if acquisition:
        write_table(
            pa.table({name: pa.array(values, from_pandas=True) for name, values in acquisition.items()}),
            out / "acquisition.csv",
        )
    figures = {"worth.png": worth_figure(content["value"])}
    if content["training"]:
        figures["training.png"] = supervision_figure(steps)
    for name, figure in figures.items():
        write_atomic(out / name, lambda path, figure=figure: figure.savefig(path, dpi=150))  # type: ignore[misc]


def _print(content: dict[str, Any], states: "list[TrainingState]") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    value, console = content["value"], Console(soft_wrap=True, highlight=False)
    gain = f"{value['without']:.3f} without, {value['with_all']:.3f} with all modalities"
    on = "the same complete samples" if value["complete_samples"] else "the samples that observe the pattern"
    table = Table(title=f"{value['metric']} on {content['rows']} ({gain}), each pattern on {on}")
    for column in ("modality", "worth", "acquiring it where it is missing, nats"):
        table.add_column(column, justify="left" if column == "modality" else "right")
    for name, worth in sorted(value["values"].items(), key=lambda item: -item[1]):
        error = value["standard_errors"] and f" ± {value['standard_errors'][name]:.3f}"
        acquired = content["acquisition"].get(name)
        gained = "-" if acquired is None else f"{acquired['mean']:.3f} ({acquired['n_samples']} samples)"
        table.add_row(escape(name), f"{worth:.3f}{error or ''}", gained)
    console.print(table)
    for pair, strength in sorted(value["interactions"].items(), key=lambda item: -abs(item[1]))[:5]:
        console.print(f"together {escape(pair)}: {strength:+.3f}")
    for state in states:
        mark = "under-trained" if state.under_trained else "trained"
        console.print(f"{escape(state.modality)}: {mark}, {state.reason}")
