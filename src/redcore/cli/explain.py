"""``redcore explain``: contribution of each modality, benefit of acquiring it, and under-trained modalities."""

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
    run: Annotated[Path, typer.Argument(help="Finished run folder of 'redcore fit'.")],
    data: Data,
    metric: Annotated[
        str | None, typer.Option(help="Score, such as accuracy or nll. Default: macro-F1, or R2 for regression.")
    ] = None,
    rows: Annotated[Rows, typer.Option(help="Samples to use, as in 'redcore evaluate'.")] = Rows.AUTO,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write explain.json, acquisition.csv and figures to.")
    ] = None,
    permutations: Annotated[
        int,
        typer.Option(help="Number of permutations that estimate Shapley values of more than 10 modalities.", min=2),
    ] = 200,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Show the value of each modality for the model of RUN on DATA.

    The value is the contribution of a modality to the score (Shapley value). The command also reports the expected
    information gain from acquiring a missing modality, and which modalities were under-trained.
    """
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.explain import modality_value, training_states
    from redcore.runs import Run

    finished = Run.load(run)
    method = finished.method
    with warnings_as_messages():
        samples, description = finished.rows_to_score(finished.read(data), rows.value)
        value = modality_value(method, samples, metric, n_permutations=permutations, seed=seed)
        acquisition = _acquisition(method, samples, seed)
    steps = finished.history
    states = training_states(steps, finished.record["realised_missing_rates"]["train"])
    content: dict[str, Any] = {"run": str(run), "data": data, "rows": description, "value": value.to_dict()}
    content["acquisition"] = _summary(acquisition)
    content["training"] = [state.to_dict() for state in states]
    if out is not None:
        _write(out, content, acquisition, steps)
    if as_json:
        print_json(content)
        return
    _print(content, states)


def _acquisition(method: "Method", data: "MultimodalData", seed: int) -> "dict[str, AnyArray]":
    """Return sample ids and, per modality, the value in nats of acquiring it for each sample; NaN if it is observed.

    The result is empty if no modality is missing, the method imputes no latent codes, or the target is survival. At
    most `MAX_ACQUISITION_ROWS` samples are used.
    """
    import numpy as np

    from redcore.uncertainty import Completions, acquisition_values

    data = method.completed(method.schema.align(data))
    incomplete = np.flatnonzero(~data.availability.all(axis=1))[:MAX_ACQUISITION_ROWS]
    if not method.imputes_codes or not incomplete.size or method.schema.target_kind.is_survival:
        return {}
    values = acquisition_values(Completions.make(method, data, seed), data.take(incomplete), seed=seed)
    return {"sample_id": data.sample_ids[incomplete], **dict(zip(method.active, values.T, strict=True))}


def _summary(acquisition: "dict[str, AnyArray]") -> dict[str, dict[str, float]]:
    """Return the number of samples, the mean and the largest value of acquisition per modality."""
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
    scores = f"{value['without']:.3f} without, {value['with_all']:.3f} with all modalities"
    samples = "the same complete samples" if value["complete_samples"] else "the samples that observe the pattern"
    table = Table(title=f"{value['metric']} on {content['rows']} ({scores}), each pattern on {samples}")
    for column in ("modality", "value", "mean information gain if acquired, nats"):
        table.add_column(column, justify="left" if column == "modality" else "right")
    for name, shapley in sorted(value["values"].items(), key=lambda item: -item[1]):
        error = value["standard_errors"] and f" ± {value['standard_errors'][name]:.3f}"
        acquired = content["acquisition"].get(name)
        gain = "-" if acquired is None else f"{acquired['mean']:.3f} ({acquired['n_samples']} samples)"
        table.add_row(escape(name), f"{shapley:.3f}{error or ''}", gain)
    console.print(table)
    for pair, strength in sorted(value["interactions"].items(), key=lambda item: -abs(item[1]))[:5]:
        console.print(f"interaction {escape(pair)}: {strength:+.3f}")
    for state in states:
        status = "under-trained" if state.under_trained else "trained"
        console.print(f"{escape(state.modality)}: {status}, {state.reason}")
