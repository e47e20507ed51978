"""``redcore explain``: contributions of modalities and features, explanations of samples, under-trained modalities."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redcore.cli._options import Data, Json, Rows, Seed, takes

if TYPE_CHECKING:
    from redcore._types import AnyArray
    from redcore.data import MultimodalData
    from redcore.methods import Method
    from redcore.runs import Run

__all__ = ["explain"]

MAX_ACQUISITION_ROWS = 2000
MAX_CODE_ROWS = 300


@dataclass(frozen=True)
class ExplainOptions:
    """Arguments and options of ``redcore explain``."""

    run: Annotated[Path, typer.Argument(help="Finished run folder of 'redcore fit'.")]
    data: Data
    target: Annotated[str | None, typer.Option(help="Target to explain, for a model with several targets.")] = None
    sample: Annotated[
        list[str] | None,
        typer.Option(help="Id of a sample whose prediction to explain; DATA then needs no labels. Repeatable."),
    ] = None
    output: Annotated[
        str | None, typer.Option(help="Class to explain with --sample. Default: the predicted class of the sample.")
    ] = None
    reference: Annotated[
        str | None,
        typer.Option(
            help="Data, with or without labels, from which the expected changes by measuring missing modalities are "
            "estimated (--sample). Default: the samples of DATA that --rows selects."
        ),
    ] = None
    features: Annotated[
        bool, typer.Option("--features", help="Also compute the permutation importance of the features.")
    ] = False
    max_features: Annotated[
        int,
        typer.Option(help="Number of features per modality that are permuted one by one; the others together.", min=1),
    ] = 50
    metric: Annotated[
        str | None,
        typer.Option(
            help="Score, such as accuracy or nll. Default: macro-F1, or R2 for regression; log loss for --features of "
            "classifiers."
        ),
    ] = None
    rows: Annotated[Rows, typer.Option(help="Samples to use, as in 'redcore evaluate'.")] = Rows.AUTO
    out: Annotated[
        Path | None, typer.Option(help="Folder to write explain.json, explain.html, acquisition.csv and figures to.")
    ] = None
    html: Annotated[Path | None, typer.Option(help="Also write the result as a self-contained HTML page.")] = None
    permutations: Annotated[
        int,
        typer.Option(
            help="Number of permutations that estimate Shapley values of more than 10 modalities (12 for samples).",
            min=2,
        ),
    ] = 200
    seed: Seed = 0
    as_json: Json = False


@takes(ExplainOptions)
def explain(options: ExplainOptions) -> None:
    """Show the value of each modality for the model of RUN on DATA, and explain predictions of single samples.

    The value is the contribution of a modality to the score (Shapley value). The command also reports the expected
    information gain from acquiring a missing modality, and which modalities were under-trained. --features adds the
    importance of the features; --sample explains a prediction: contributions of the observed modalities, the prediction
    without each of them, and the expected change by measuring a missing modality.
    """
    from redcore.cli._explain_tables import print_explanation
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.report import explanation_page, write_page
    from redcore.runs import Run

    finished = Run.load(options.run)
    with warnings_as_messages():
        content, acquisition = _content(options, finished)
    if options.out is not None:
        _write(options.out, content, acquisition, finished.history)
    if options.html is not None:
        write_page(options.html, explanation_page(content))
    if options.as_json:
        print_json(content)
        return
    print_explanation(content)
    if options.html is not None:
        typer.echo(f"Page: {options.html}")


def _content(options: ExplainOptions, finished: "Run") -> "tuple[dict[str, Any], dict[str, AnyArray]]":
    """Return the explanation as a dict for JSON and pages, and the values of acquisition per sample."""
    source = finished.read(options.data, needs_target=not options.sample or options.features)
    samples, description = finished.rows_to_score(source, options.rows.value)
    method = _method(finished, options.target)
    if options.target is not None and samples.target is not None:
        samples = samples.of_part(options.target)
    content: dict[str, Any] = {"run": str(options.run), "data": options.data, "rows": description, "words": {}}
    if options.target is not None:
        content["target"] = options.target
    acquisition: dict[str, AnyArray] = {}
    if samples.target is not None:
        acquisition = _acquisition(method, samples, options.seed)
        _add_model(content, options, finished, method, samples, acquisition)
    if options.html is not None or options.out is not None:
        content["codes"] = _codes(method, samples)
    if options.features:
        _add_features(content, options, method, samples)
    if options.sample:
        _add_samples(content, options, finished, method, source, samples)
    return content, acquisition


def _method(finished: "Run", target: str | None) -> "Method":
    """Return the method of the run, or that of the chosen target."""
    from redcore.exceptions import SettingsError

    names = finished.method.schema.part_names
    if target is None and names:
        raise SettingsError(f"the model has several targets: choose one of {', '.join(names)} with --target")
    if target is not None and not names:
        raise SettingsError(f"--target {target!r}: the model has a single target")
    return finished.method if target is None else finished.method.of_part(target)


def _add_model(
    content: dict[str, Any],
    options: ExplainOptions,
    finished: "Run",
    method: "Method",
    samples: "MultimodalData",
    acquisition: "dict[str, AnyArray]",
) -> None:
    """Add the values of the modalities, their interactions, the information gains and the training states."""
    from redcore.exceptions import UndefinedScoreError
    from redcore.explain import (
        Words,
        acquisition_words,
        interaction_words,
        modality_value,
        training_states,
        training_words,
        value_words,
    )

    words: dict[str, Words | None] = {}
    try:
        value = modality_value(method, samples, options.metric, n_permutations=options.permutations, seed=options.seed)
    except UndefinedScoreError as error:
        content["value"] = {"values": dict.fromkeys(method.active), "not_estimated": str(error)}
    else:
        content["value"] = value.to_dict()
        words |= {"value": value_words(value), "interactions": interaction_words(content["value"]["interactions"])}
    states = training_states(finished.history, finished.record["realised_missing_rates"]["train"])
    content["acquisition"] = _summary(acquisition)
    content["training"] = [state.to_dict() for state in states]
    words |= {"acquisition": acquisition_words(content["acquisition"]), "training": training_words(states)}
    content["words"] |= {name: own.to_dict() for name, own in words.items() if own is not None}


def _add_features(
    content: dict[str, Any], options: ExplainOptions, method: "Method", samples: "MultimodalData"
) -> None:
    """Add the importance of the features of each modality."""
    from redcore.explain import feature_importance, feature_words

    results = feature_importance(method, samples, options.metric, max_features=options.max_features, seed=options.seed)
    content["features"] = [{**result.to_dict(), "words": feature_words(result).to_dict()} for result in results]


def _add_samples(
    content: dict[str, Any],
    options: ExplainOptions,
    finished: "Run",
    method: "Method",
    source: "MultimodalData",
    samples: "MultimodalData",
) -> None:
    """Add the explanations of the samples that the user named."""
    import numpy as np

    from redcore.cli._output import messages
    from redcore.exceptions import DataError
    from redcore.explain import explain_samples, sample_words

    place = {str(name): row for row, name in enumerate(source.sample_ids.tolist())}
    for name in options.sample or []:
        if name not in place:
            first = next(iter(place))
            hint = "; without a column of ids (option id), they are the row numbers" if first == "0" else ""
            raise DataError(f"{options.data}: no sample {name!r} among its {len(place)} ids, such as {first!r}{hint}")
    rows = np.array([place[name] for name in options.sample or []])
    if source.checksum() == finished.request.data_checksum:
        for row in rows[~np.isin(rows, finished.held_out)].tolist():
            messages.print(
                f"warning: sample {source.sample_ids[row].item()!r} is not in the test split of the run; the model was "
                "fitted to it, and its prediction is too confident",
                markup=False,
            )
    reference = samples
    if options.reference is not None:
        reference, _ = finished.rows_to_score(finished.read(options.reference, needs_target=False), "auto")
    explanations = explain_samples(
        method,
        source.take(rows),
        reference,
        output=options.output,
        n_permutations=options.permutations,
        seed=options.seed,
    )
    content["samples"] = [{**one.to_dict(), "words": sample_words(one).to_dict()} for one in explanations]


def _codes(method: "Method", data: "MultimodalData") -> list[dict[str, Any]]:
    """Return real and imputed latent codes of each modality that enough samples observe together with another one."""
    import numpy as np

    from redcore.explain import LEAST_SAMPLES, imputed_codes

    if not method.imputes_codes:
        return []
    rows = np.unique(np.linspace(0, data.n_samples - 1, MAX_CODE_ROWS).round().astype(int))
    data = method.schema.align(data.take(rows))
    counts = data.availability[data.availability.sum(axis=1) > 1].sum(axis=0)
    names = [name for name, count in zip(data.names, counts, strict=True) if count >= LEAST_SAMPLES]
    return [imputed_codes(method, data, name).to_dict() for name in names if name in method.active]


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
    from redcore.report import explanation_page, supervision_figure, worth_figure, write_page
    from redcore.runs import write_table

    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "explain.json", content)
    write_page(out / "explain.html", explanation_page(content))
    if acquisition:
        write_table(
            pa.table({name: pa.array(values, from_pandas=True) for name, values in acquisition.items()}),
            out / "acquisition.csv",
        )
    has_values = "value" in content and "not_estimated" not in content["value"]
    figures = {"worth.png": worth_figure(content["value"])} if has_values else {}
    if content.get("training"):
        figures["training.png"] = supervision_figure(steps)
    for name, figure in figures.items():
        write_atomic(out / name, lambda path, figure=figure: figure.savefig(path, dpi=150))  # type: ignore[misc]
