"""Outer join of modalities from several files by sample id, with a report of the observed modalities."""

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from redcore._types import AnyArray
from redcore._validation import SPLIT_CODES, NanPolicy, check_known, check_modality_names, is_missing
from redcore.data._alignment import normalised_label
from redcore.data._columns import ColumnOptions, ids_of, target_values
from redcore.data._decide_target import Task, decide_target
from redcore.data._event import EventColumn, survival_values
from redcore.data._join_sources import JoinSource, columns_by_id, names_file, read_join_source, split_columns
from redcore.data._sentinels import sentinel_message, sentinels
from redcore.data._target import Target
from redcore.exceptions import DataError, DataWarning, JoinWarning, shortened

if TYPE_CHECKING:
    from redcore.data._dataset import MultimodalData

__all__ = ["IdForms", "JoinReport", "Joined", "PatternCount", "SourceCount", "join"]


@dataclass(frozen=True)
class SourceCount:
    """Numbers of ids of one modality: in its source, with values, and in no other modality."""

    source: str
    n_ids: int
    n_observed: int
    n_only_here: int


@dataclass(frozen=True)
class PatternCount:
    """Number of samples with one set of observed modalities."""

    observed: tuple[str, ...]
    n_samples: int


@dataclass(frozen=True)
class IdForms:
    """Ids of two sources that differ as text, but only in leading zeros, case, blanks or separators."""

    sources: tuple[str, str]
    n_ids: int
    example: tuple[str, str]


@dataclass(frozen=True)
class JoinReport:
    """Report of a join.

    Attributes
    ----------
    n_samples : int
        Samples of the joined data.
    modalities : dict of str to SourceCount
    patterns : tuple of PatternCount
        Missing patterns, the most frequent first.
    n_without_target : int
        Ids of modalities that have no target. They are not in the data.
    n_target_only : int
        Ids that have a target but no modality. They are not in the data.
    id_forms : tuple of IdForms
        Pairs of sources with ids of different form.
    """

    n_samples: int
    modalities: dict[str, SourceCount]
    patterns: tuple[PatternCount, ...]
    n_without_target: int
    n_target_only: int
    id_forms: tuple[IdForms, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-serialisable values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Joined:
    """Joined data and the report of the join."""

    data: "MultimodalData"
    report: JoinReport


def join(
    make: "type[MultimodalData]",
    sources: Mapping[str, Any],
    on: str | None = None,
    *,
    target: Any = None,
    event: str | None = None,
    task: Task = "auto",
    groups: Any = None,
    split: Any = None,
    transpose: Collection[str] = (),
    nan_rows: NanPolicy = "keep",
    options: Mapping[str, Any] | None = None,
) -> Joined:
    """Join modalities by id, as data of the class `make`; see `MultimodalData.join` and `join_with_report`."""
    check_modality_names(sources)
    check_known("modality", transpose, sources)
    events = None if event is None else EventColumn.parse(event)
    if events is not None:
        target, task = _times_and_events(target, task, event, events.column), "survival"
    columns = {"target": target, "groups": groups, "split": split}
    excluded = {name: _columns_of(columns.values(), source) for name, source in sources.items()}
    of_columns = ColumnOptions.parse(options or {})
    read = {
        name: read_join_source(name, sources[name], on, of_columns, name in transpose, excluded[name])
        for name in sorted(sources)
    }
    _check_declared(read, of_columns)
    labels, group_of, split_of = (
        _by_id(what, source, on, of_columns, task if what == "target" else "text", events)
        for what, source in columns.items()
    )
    forms = _id_forms(read, labels)
    _check_shared(read, labels, forms)
    ids = np.unique(np.concatenate([source.ids for source in read.values()]))
    labelled = np.ones(len(ids), dtype=bool) if labels is None else np.isin(ids, list(labels))
    kept = ids[labelled]
    data = _data(make, read, kept, nan_rows)
    data = make(
        data.modalities,
        None if labels is None else _target(target, [labels[name] for name in kept.tolist()], task),
        None if group_of is None else np.array(_entries("group", group_of, kept), dtype=str),
        kept,
        None if split_of is None else _split(_entries("split", split_of, kept)),
        data.feature_names,
        data.categories,
        data.text,
    )
    n_target_only = 0 if labels is None else len(labels) - len(kept)
    report = JoinReport(
        len(kept), _counts(read, data), _patterns(data), len(ids) - len(kept), n_target_only, tuple(forms)
    )
    _warn(report, data)
    return Joined(data, report)


def _times_and_events(target: Any, task: Task, event: str | None, column: str) -> str:
    """Return ``"file:times,events"`` for the target ``"file:times"``."""
    if not isinstance(target, str) or task not in ("auto", "survival"):
        raise DataError(
            f"event {event!r} needs a target FILE:COLUMN of times in the same file and task 'auto' or 'survival', "
            f"got target {target!r} and task {task!r}"
        )
    return f"{target},{column}"


def _columns_of(columns: Iterable[Any], source: Any) -> set[str]:
    """Return the columns of target, groups and split that are in the file `source`, and are therefore no features."""
    found: set[str] = set()
    for column in columns:
        if isinstance(column, str):
            path, names = split_columns(column)
            found |= set(names) if names_file(source, path) else set()
    return found


def _by_id(
    what: str,
    source: Any,
    on: str | None,
    options: ColumnOptions,
    task: Task | Literal["text"],
    event: EventColumn | None,
) -> dict[str, Any] | None:
    """Return the entries of target, groups or split by id, without empty ones. Several columns give lists."""
    if source is None:
        return None
    if hasattr(source, "items"):
        entries = {str(name): _scalar(entry) for name, entry in source.items()}
        if len(entries) < len(source):
            raise DataError(f"{what}: an id occurs twice")
        return {name: entry for name, entry in entries.items() if not is_missing(entry)}
    if not isinstance(source, str):
        raise DataError(f"{what} is a {type(source).__name__}, expected 'file:column' or a mapping of ids to values")
    path, names = split_columns(source)
    if not names:
        raise DataError(f"{what} {source!r}: expected FILE:COLUMN, such as labels.csv:outcome")
    if not path.is_file():
        raise DataError(f"{path}: no such file ({what})")
    if on is None:
        raise DataError(f"{path}: the column of the ids is not defined; set on='patient_id' (--id patient_id)")
    ids, table = columns_by_id(path, on, names, options)
    try:
        if task == "text":
            values = ids_of(table, names[0])
        elif event is not None:
            values = survival_values(table, names[0], event, options.na_values)
            _check_pairs(ids, values)
        else:
            values = target_values(path, table, names, task, options.na_values)
    except DataError as error:
        raise type(error)(f"{path}: {error}") from None
    rows = zip(ids.tolist(), values.tolist(), strict=True)
    return {name: entry for name, entry in rows if not any(map(is_missing, entry if values.ndim == 2 else (entry,)))}


def _check_pairs(ids: AnyArray, values: AnyArray) -> None:
    """Raise `DataError` for the first id with a time but no event, or an event but no time."""
    for name, (time, event) in zip(ids.tolist(), values.tolist(), strict=True):
        if is_missing(time) != is_missing(event):
            absent, other = ("time", "event") if is_missing(time) else ("event", "time")
            raise DataError(f"id {name!r}: the {absent} is missing, but not the {other}; expected both or neither")


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _entries(what: str, by_id: Mapping[str, Any], ids: AnyArray) -> list[str]:
    absent = [name for name in ids.tolist() if name not in by_id]
    if absent:
        raise DataError(f"id {absent[0]!r} has no {what} ({len(absent)} of {len(ids)} ids have none)")
    return [str(by_id[name]) for name in ids.tolist()]


def _split(entries: list[str]) -> AnyArray:
    for entry in entries:
        if entry.lower() not in SPLIT_CODES:
            raise DataError(f"split {entry!r}, expected train, validation or test, or 0, 1 or 2")
    return np.array([SPLIT_CODES[entry.lower()] for entry in entries])


def _target(source: Any, labels: list[Any], task: Task) -> Target:
    path, names = split_columns(source) if isinstance(source, str) else (None, ())
    values = np.array(labels, dtype=object)
    what = shortened(names) or "of the mapping"
    try:
        return decide_target(values, task, what, names or None, "task=numbers (--task numbers)")
    except DataError as error:
        raise DataError(f"{source}: {error}" if path is not None else str(error)) from None


def _data(
    make: "type[MultimodalData]", sources: Mapping[str, JoinSource], ids: AnyArray, nan_rows: NanPolicy
) -> "MultimodalData":
    """Return the modalities of the samples `ids`, (n_samples,), in ascending order."""
    values, observed = {}, {}
    for name, source in sources.items():
        source.check_cells(nan_rows != "error")
        place = np.minimum(np.searchsorted(ids, source.ids), len(ids) - 1)
        rows = np.where(ids[place] == source.ids, place, -1)
        values[name] = source.aligned(rows, len(ids))
        observed[name] = np.isin(np.arange(len(ids)), rows)
    return make.from_arrays(
        values,
        availability=observed,
        sample_ids=ids,
        feature_names={name: source.feature_names for name, source in sources.items() if source.feature_names},
        categories={name: source.categories for name, source in sources.items() if source.categories},
        text={name: source.text for name, source in sources.items() if source.text},
        nan_rows=nan_rows,
    )


def _check_declared(sources: Mapping[str, JoinSource], options: ColumnOptions) -> None:
    """Raise `DataError` if option `category` or `text` matches no column of a table with samples in rows."""
    unmatched = options.unmatched([name for source in sources.values() for name in source.categories])
    if unmatched is not None:
        files = ", ".join(source.where for source in sources.values())
        raise DataError(f"{unmatched[0]}: no column of features matches {unmatched[1]!r}; files: {files}")


def _check_shared(sources: Mapping[str, JoinSource], labels: Mapping[str, Any] | None, forms: list[IdForms]) -> None:
    """Raise `DataError` if a source has no id of any other source."""
    ids = _ids_by_source(sources, labels)
    counts = Counter(name for names in ids.values() for name in names)
    for where, names in ids.items():
        if len(ids) > 1 and all(counts[name] == 1 for name in names):
            others = [other for other in ids if other != where]
            form = next((f for f in forms if where in f.sources), None)
            hint = "" if form is None else f"; {_form_text(form)}"
            first = ", ".join(map(repr, sorted(names)[:3]))
            of_others = ", ".join(map(repr, sorted(ids[others[0]])[:3]))
            raise DataError(
                f"{where}: none of the {len(names)} ids is in another source; ids: {first}; of {others[0]}: {of_others}"
                f"{hint}"
            )
    if labels is not None and not any(name in labels for source in sources.values() for name in source.ids.tolist()):
        raise DataError("no id of a modality has a target")


def _ids_by_source(sources: Mapping[str, JoinSource], labels: Mapping[str, Any] | None) -> dict[str, set[str]]:
    """Return the ids of each source, and those with a label as "target"."""
    ids = {source.where: set(source.ids.tolist()) for source in sources.values()}
    return ids if labels is None else ids | {"target": set(labels)}


def _id_forms(sources: Mapping[str, JoinSource], labels: Mapping[str, Any] | None) -> list[IdForms]:
    ids = _ids_by_source(sources, labels)
    forms = []
    for (one, left), (other, right) in combinations(ids.items(), 2):
        unmatched = {normalised_label(name): name for name in sorted(right - left)}
        pairs = [
            (name, unmatched[form]) for name in sorted(left - right) if (form := normalised_label(name)) in unmatched
        ]
        if pairs:
            forms.append(IdForms((one, other), len(pairs), pairs[0]))
    return forms


def _form_text(form: IdForms) -> str:
    one, other = form.sources
    return (
        f"{form.n_ids} ids of {one} and {other} differ in form only, such as {form.example[0]!r} and "
        f"{form.example[1]!r}"
    )


def _counts(sources: Mapping[str, JoinSource], data: "MultimodalData") -> dict[str, SourceCount]:
    occurrences = Counter(name for source in sources.values() for name in source.ids.tolist())
    return {
        name: SourceCount(
            source.where,
            len(source.ids),
            data.modalities[name].n_observed,
            sum(occurrences[one] == 1 for one in source.ids.tolist()),
        )
        for name, source in sources.items()
    }


def _patterns(data: "MultimodalData") -> tuple[PatternCount, ...]:
    rows, counts = np.unique(data.availability, axis=0, return_counts=True)
    found = [
        PatternCount(tuple(name for name, is_in in zip(data.names, row, strict=True) if is_in), int(count))
        for row, count in zip(rows, counts, strict=True)
    ]
    return tuple(sorted(found, key=lambda pattern: (-pattern.n_samples, pattern.observed)))


def _warn(report: JoinReport, data: "MultimodalData") -> None:
    for form in report.id_forms:
        warnings.warn(f"{_form_text(form)}; they are not joined", JoinWarning, stacklevel=4)
    if report.n_without_target:
        warnings.warn(f"{report.n_without_target} ids have no target and are left out", JoinWarning, stacklevel=4)
    if message := sentinel_message(sentinels(data)):
        warnings.warn(DataWarning(message), stacklevel=4)
