"""Model cards in Markdown: purpose, input, training data, scores and limits of a model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redcore.export._model_file import read_model_content

__all__ = ["model_card"]

NOT_SAVED = "Not saved in this model file."


def model_card(path: str | Path) -> str:
    """Return the card of a model file as Markdown.

    Parameters
    ----------
    path : str or Path
        See `load_model`.

    Raises
    ------
    ModelFileError
        See `load_model`.
    """
    content = read_model_content(path)
    record, schema = content["record"], content["schema"]
    sections = {
        f"Model card: {content['method']}": _summary(content),
        "Input": _input(schema, content["info"]),
        "Training data": _data(record),
        **({"Categories": _categories(schema)} if any(one.get("categories") for one in schema["modalities"]) else {}),
        **({"Free text": _text(schema)} if any(one.get("text") for one in schema["modalities"]) else {}),
        **({"Missing cells": _missing_cells(missing)} if (missing := content["info"].get("missing_cells")) else {}),
        "Scores per missing pattern": _metrics(record.get("metrics"), record.get("cross_validation")),
        "Limits": _limits(schema, content["info"], record),
        "Settings": _table(("setting", "value"), [(name, repr(value)) for name, value in content["settings"].items()]),
    }
    first, *others = sections.items()
    return f"# {first[0]}\n\n{first[1]}\n" + "".join(f"\n## {title}\n\n{body}\n" for title, body in others)


def _summary(content: Mapping[str, Any]) -> str:
    schema = content["schema"]
    classes = "" if schema["classes"] is None else f": {', '.join(str(name) for name in schema['classes'])}"
    versions = {"redcore": content["redcore_version"], **content["versions"]}
    outputs = f"{schema['n_outputs']} output(s){classes}"
    if (grid := schema.get("grid")) is not None:
        outputs = f"the probability of survival at {schema['n_outputs']} times up to {grid['borders'][-1]:g}"
    target = f"a {schema['target_kind']} target with {outputs}"
    if parts := schema.get("parts"):
        kinds = ", ".join(f"{part['name']} ({part['target_kind']}, {part['n_outputs']} output(s))" for part in parts)
        target = f"{len(parts)} targets: {kinds}"
    return (
        f"Predicts {target}. Written by "
        + ", ".join(f"{package} {number}" for package, number in versions.items())
        + f". Checksum of the numbers: `{content['tensors_sha256']}`."
    )


def _input(schema: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    rows = [
        (
            modality["name"],
            "sequences" if modality["is_sequence"] else "vectors",
            modality["n_features"],
            "yes" if modality["name"] in info["active"] else "no: never observed",
        )
        for modality in schema["modalities"]
    ]
    return "Any modality of any sample may be missing.\n\n" + _table(("modality", "form", "features", "used"), rows)


def _data(record: Mapping[str, Any]) -> str:
    rates: Mapping[str, Mapping[str, float]] = record.get("missing_rates", {})
    if not record.get("n_samples"):
        return NOT_SAVED
    names = sorted({name for part in rates.values() for name in part})
    rows = [
        (part, count, *(_number(rates.get(part, {}).get(name)) for name in names))
        for part, count in record["n_samples"].items()
    ]
    head = ("part", "samples", *(f"missing rate of {name}" for name in names))
    return f"{record.get('data', 'Unnamed data')}. Missing rates are measured after the missing protocol.\n\n" + _table(
        head, rows
    )


def _categories(schema: Mapping[str, Any]) -> str:
    rows = [
        (modality["name"], feature, len(own), ", ".join(own[:8]) + (", ..." if len(own) > 8 else ""))
        for modality in schema["modalities"]
        for feature, own in (modality.get("categories") or {}).items()
    ]
    return "Other categories count as unknown.\n\n" + _table(("modality", "column", "number", "categories"), rows)


def _text(schema: Mapping[str, Any]) -> str:
    rows = [(modality["name"], feature) for modality in schema["modalities"] for feature in modality.get("text") or ()]
    return (
        "Columns of free text. The model contains the words that occur in at least two training texts, with their "
        "TF-IDF weights, but no text.\n\n" + _table(("modality", "column"), rows)
    )


def _missing_cells(missing: Mapping[str, Mapping[str, float]]) -> str:
    rows = [(name, column, f"{share:.1%}") for name, columns in missing.items() for column, share in columns.items()]
    return (
        "Columns in which cells of observed modalities are missing in the training data. The model fills them.\n\n"
        + _table(("modality", "column", "missing cells"), rows)
    )


def _metrics(metrics: Mapping[str, Any] | None, folds: Mapping[str, Any] | None) -> str:
    if folds:
        return _means(folds)
    if not metrics:
        return NOT_SAVED
    patterns = {
        **metrics["per_pattern"],
        "all patterns pooled": metrics["pooled"],
        "as observed": metrics["as_observed"],
    }
    scores = list(next(iter(patterns.values())))
    rows = [(pattern, *(_number(values.get(score)) for score in scores)) for pattern, values in patterns.items()]
    return "On held-out samples, evaluated once.\n\n" + _table(("observed", *scores), rows)


def _means(folds: Mapping[str, Any]) -> str:
    rows = {
        **folds["means"],
        "all patterns pooled": folds["means"]["pooled"],
        "as observed": folds["means"]["as_observed"],
    }
    del rows["pooled"], rows["as_observed"]
    scores = [score for score in rows["as observed"] if score != "n_samples"]
    cells = [
        (name, own["n_samples"], *(_number(own[score]["mean"]) if score in own else "-" for score in scores))
        for name, own in rows.items()
    ]
    return (
        f"Means over {folds['n_folds']} folds of a cross-validation. The model itself was fitted to all samples, and "
        "was not scored.\n\n" + _table(("observed", "n_samples", *scores), cells)
    )


def _limits(schema: Mapping[str, Any], info: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    unused = [modality["name"] for modality in schema["modalities"] if modality["name"] not in info["active"]]
    lines = [
        "The prediction for a sample without any modality is the prior: the class frequencies, or the mean, of the "
        "training data.",
        "The scores hold for data from the distribution of the training data; distribution shift was not tested.",
        "Missingness may be informative; the scores are of modalities hidden at random.",
    ]
    if unused:
        lines.append(f"Never observed in training, so not used: {', '.join(unused)}.")
    for part, rates in record.get("missing_rates", {}).items():
        rare = [name for name, rate in rates.items() if rate >= 0.8]
        if part == "train" and rare:
            lines.append(f"Observed in at most a fifth of the training samples: {', '.join(rare)}.")
    if not record.get("metrics") and not record.get("cross_validation"):
        lines.append("This model file has no scores.")
    return "\n".join(f"- {line}" for line in lines)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
