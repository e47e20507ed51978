"""Extraction of features from a folder of recordings to a store."""

import csv
import hashlib
import io
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from redcore._files import locked
from redcore._processes import in_processes
from redcore.data import Joined, JoinReport
from redcore.data.store import StoreWriter
from redcore.exceptions import DataError, JoinWarning
from redcore.extract._cache import Cache
from redcore.extract._labels import Labels, join_samples
from redcore.extract._plan import ModalityPlan, cache_key, make_plans
from redcore.extract._recipe import recipe_files
from redcore.extract._scan import Recordings, scan
from redcore.extract._table import FeatureTable, same_form
from redcore.extract._worker import Outcome, Task, Worker, extractor_of

__all__ = ["ExtractReport", "extract"]

FILES = "files.csv"

Progress = Callable[[int, int, Outcome], None]


@dataclass(frozen=True)
class ExtractReport:
    """Report of an extraction.

    Attributes
    ----------
    join : JoinReport
        Samples, modalities, missing patterns.
    n_files, n_cached : int
        Numbers of recordings, and of those whose features were already in the cache, for example because an earlier
        extraction was interrupted.
    broken : tuple of (str, str, str)
        Modality, file and reason of the recordings that could not be read. Their modality is missing.
    unused : tuple of str
        Files in the folder that belong to no requested medium.
    """

    join: JoinReport
    n_files: int
    n_cached: int
    broken: tuple[tuple[str, str, str], ...]
    unused: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-serialisable values."""
        return {
            **self.join.to_dict(),
            "n_files": self.n_files,
            "n_cached": self.n_cached,
            "broken": [dict(zip(("modality", "file", "error"), entry, strict=True)) for entry in self.broken],
            "unused": list(self.unused),
        }


def extract(
    folder: str | Path,
    out: str | Path,
    features: Mapping[str, str | Sequence[str]],
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    labels: Labels | str | Path | None = None,
    n_jobs: int = 1,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> ExtractReport:
    """Extract features from the recordings in a folder and write them to a store.

    A sample without a file of a medium misses this modality. So does a sample whose file is broken; the report names
    the file. An interrupted or killed extraction is resumed by the same call.

    Parameters
    ----------
    folder : str or Path
        Folder with recordings. See `redcore.extract.scan` for media and sample ids.
    out : str or Path
        Store to create. It must not exist.
    features : mapping of str to str or sequence of str
        Extractor, or several, by medium ("audio", "image", "sensor", "text", "video"). The modality has the name of the
        medium; ``"prosody=egemaps"`` gives it another name.
    settings : mapping of str to mapping, optional
        Options of the extractors by modality, such as ``{"prosody": {"level": "lld"}}``.
    labels : Labels, str or Path, optional
        Table of labels. A path is a table with the columns ``id``, ``label`` and optionally ``group`` and ``split``.
    n_jobs : int, default 1
        Number of processes. With 1, recordings are read in this process, and a crash of a decoder is not caught.
    cache : str or Path, optional
        Folder in which features are kept by content of the recording. Default: a hidden folder next to `out` that is
        removed when the store is complete.
    progress : callable, optional
        Called after each recording with the number of finished recordings, their total and the outcome.

    Raises
    ------
    DataError
        If a sample id is ambiguous, labels are invalid, `out` exists, or no file of a modality can be read.
    UnknownNameError, SettingsError, RunError
        If an extractor or option is unknown or invalid, a package is not installed, or `out` is in use.

    Examples
    --------
    >>> import tempfile
    >>> from redcore.data.store import Store
    >>> with tempfile.TemporaryDirectory() as place:
    ...     for name, text in {"a": "good film", "b": "bad film"}.items():
    ...         _ = Path(place, f"{name}.txt").write_text(text)
    ...     report = extract(place, Path(place, "store"), {"text": "wordllama"}, settings={"text": {"size": "64"}})
    ...     Store(Path(place, "store")).read()
    MultimodalData(...)
    """
    out = Path(out)
    table = labels if isinstance(labels, Labels) or labels is None else Labels(Path(labels))
    plans = make_plans(features, settings or {})
    descriptions = {plan.name: plan.description(extractor_of(plan)) for plan in plans}
    with locked(out):
        if out.exists():
            raise DataError(f"{out}: exists already; nothing is overwritten")
        recordings = scan(Path(folder), {plan.medium for plan in plans}, [] if table is None else [table.path])
        ids = {plan.name: recordings.files[plan.medium] for plan in plans}
        samples = join_samples(ids, table)
        place = out.with_name(f".{out.name}.extract") if cache is None else Path(cache)
        keys = {plan.name: (plan, cache_key(descriptions[plan.name])) for plan in plans}
        outcomes = _run(ids, Worker(Cache(place), tuple(keys.values())), n_jobs, progress)
        valid = _valid(outcomes)
        if any(len(valid[name]) < len(own) for name, own in ids.items()):
            with warnings.catch_warnings():
                # the first join has warned
                warnings.simplefilter("ignore", JoinWarning)
                samples = join_samples(valid, table)
        content = FeatureTable(Cache(place), keys, valid)
        _write(out, Path(folder), content, samples, outcomes, descriptions)
        extractor_of.cache_clear()
        if cache is None:
            shutil.rmtree(place, ignore_errors=True)
    return _report(samples.report, plans, outcomes, recordings)


def _run(
    files: Mapping[str, Mapping[str, Path]], worker: Worker, n_jobs: int, progress: Progress | None
) -> dict[str, list[Outcome]]:
    """Extract the features of all files, and return the outcomes by modality, sorted by sample id."""
    tasks = [Task(name, sample_id, file) for name, own in files.items() for sample_id, file in own.items()]
    results: Iterator[Outcome] = map(worker, tasks)
    if n_jobs > 1:
        results = in_processes(iter(tasks), worker, worker.failed, n_jobs, "redcore.extract._worker")
    outcomes: dict[str, list[Outcome]] = {name: [] for name in files}
    for number, outcome in enumerate(results, start=1):
        outcomes[outcome.task.modality].append(outcome)
        if progress is not None:
            progress(number, len(tasks), outcome)
    return {name: same_form(sorted(own, key=lambda outcome: outcome.task.sample_id)) for name, own in outcomes.items()}


def _valid(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, dict[str, Outcome]]:
    """Return the outcomes without an error by modality and sample id; raise `DataError` for a modality without any."""
    valid = {
        name: {outcome.task.sample_id: outcome for outcome in own if not outcome.error}
        for name, own in outcomes.items()
    }
    for name, own in valid.items():
        if not own:
            first = outcomes[name][0]
            raise DataError(
                f"modality {name!r}: none of {len(outcomes[name])} files can be read; the first, {first.task.file}: "
                f"{first.error}"
            )
    return valid


def _write(
    out: Path,
    folder: Path,
    table: FeatureTable,
    samples: Joined,
    outcomes: Mapping[str, Sequence[Outcome]],
    descriptions: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write the store, with the provenance of each modality and the table of files."""
    facts = table.fit(samples.data)
    files = _files_table(folder, outcomes)
    content = {
        "folder": folder.name,
        "files_sha256": hashlib.sha256(files).hexdigest(),
        "modalities": {
            name: {
                **description,
                "is_sequence": table.form(name)[0],
                "n_features": table.form(name)[1],
                "n_files": len(outcomes[name]),
                "n_broken": len(outcomes[name]) - len(table.outcomes[name]),
                "fitted_on": facts.get(name),
            }
            for name, description in descriptions.items()
        },
    }
    origin = {"name": folder.name, "format": "recordings", "sha256": content["files_sha256"]}
    with StoreWriter(out, origin=origin) as writer:
        for name, raw in {**recipe_files(content, table.fitted), FILES: files}.items():
            writer.attach(name, raw)
        for chunk in table.chunks(samples.data):
            writer.append(chunk)


def _files_table(folder: Path, outcomes: Mapping[str, Sequence[Outcome]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["modality", "sample_id", "file", "sha256", "error"])
    for name, own in outcomes.items():
        for outcome in own:
            task = outcome.task
            file = task.file.relative_to(folder).as_posix()
            writer.writerow([name, task.sample_id, file, outcome.sha256, outcome.error])
    return stream.getvalue().encode()


def _report(
    join: JoinReport,
    plans: Sequence[ModalityPlan],
    outcomes: Mapping[str, Sequence[Outcome]],
    recordings: Recordings,
) -> ExtractReport:
    every = [outcome for own in outcomes.values() for outcome in own]
    modalities = {
        plan.name: replace(join.modalities[plan.name], source=f"{plan.medium}: {plan.extractor}") for plan in plans
    }
    return ExtractReport(
        replace(join, modalities=modalities),
        len(every),
        sum(outcome.was_cached for outcome in every),
        tuple((outcome.task.modality, str(outcome.task.file), outcome.error) for outcome in every if outcome.error),
        tuple(path.as_posix() for path in recordings.unused),
    )
