"""Target of a table: one target of one or several columns, or several targets of one column each."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from redcore._types import AnyArray
from redcore._validation import check_known
from redcore.data import Target, decide_target, several_targets
from redcore.data._columns import labels_of, matching, numbers_in, target_numbers, target_values
from redcore.data._event import EventColumn, survival_values
from redcore.data.formats._expected import Expected
from redcore.exceptions import DataError, TargetError, shortened

__all__ = ["TableSource", "target_of"]


class TableSource(Protocol):
    """Arrow table of a file, with the options to read it; see `redcore.data.formats.table`."""

    @property
    def path(self) -> Path:
        """File, for messages."""
        ...

    @property
    def table(self) -> pa.Table:
        """Content of the file."""
        ...

    @property
    def options(self) -> Any:
        """Options of the table."""
        ...

    @property
    def expected(self) -> Expected | None:
        """Model for which the table is read."""
        ...

    def __contains__(self, column: str | None) -> bool:
        """Return True if the table has this column."""
        ...


def target_of(source: TableSource) -> Target | None:
    patterns = source.options.target
    if patterns is None:
        if source.options.event is not None:
            raise DataError("event without target: name the column of the times in target")
        return None
    names = source.table.column_names
    columns: list[str] = []
    for pattern in patterns:
        columns.extend(column for column in matching(names, pattern) if column not in columns)
    if source.expected is None:
        _check_target_columns(names, patterns)
        return _new_target(source, columns)
    if not columns and not source.expected.needs_target:
        return None
    if not (columns and source.expected.schema.target_kind.is_mixed):
        _check_target_columns(names, patterns)
    return _target_for(source, source.expected, columns)


def _check_target_columns(names: list[str], patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        if not matching(names, pattern):
            raise DataError(f"target: no column matches {pattern!r}; columns: {shortened(names)}")


def _new_target(source: TableSource, columns: list[str]) -> Target:
    options = source.options
    if options.task == "mixed":
        return _several(source, columns)
    if options.tasks:
        raise DataError(f"option tasks ({', '.join(options.tasks)}) without task 'mixed'")
    if options.event is not None or options.task == "survival":
        return decide_target(_survival(source, columns, check=True), "survival", _quoted(columns))
    values = target_values(source.path, source.table, columns, options.task, options.na_values)
    return decide_target(values, options.task, _quoted(columns), columns)


def _several(source: TableSource, columns: list[str]) -> Target:
    """Return several targets, one per column."""
    options = source.options
    check_known("column (of tasks)", options.tasks, columns)
    values: dict[str, AnyArray] = {}
    for column in columns:
        task = options.tasks.get(column, "auto")
        if task == "labels":
            raise DataError(f"tasks: column {column!r} is 'labels', expected auto, classes, numbers or survival")
        if task == "survival":
            values[column] = _survival(source, [column], check=True)
        else:
            try:
                values[column] = target_values(source.path, source.table, [column], task, options.na_values)
            except TargetError as error:
                raise TargetError(f"target {column!r}: {error}") from None
    if options.event is not None and "survival" not in options.tasks.values():
        raise DataError(
            f"event {options.event!r} without a column of times: set tasks, such as tasks={columns[0]}=survival"
        )
    return several_targets(values, options.tasks)


def _several_for(source: TableSource, expected: Expected, columns: list[str]) -> Target | None:
    """Return the targets of a model; targets without a column have no labelled sample."""
    values: dict[str, AnyArray] = {}
    for part in expected.schema.parts:
        if part.name not in columns or (part.kind.is_survival and not _has_event(source)):
            continue
        if part.kind.is_survival:
            values[part.name] = _survival(source, [part.name], check=False)
        elif part.kind.is_regression:
            values[part.name] = target_numbers(source.table, part.name, source.options.na_values)
        else:
            values[part.name] = labels_of(source.table, part.name, source.options.na_values, infer=False)
    if not expected.needs_target and all(map(_is_empty, values.values())):
        return None
    return expected.target(source.path, lambda: expected.schema.target_of(values))


def _quoted(columns: list[str]) -> str:
    return ", ".join(map(repr, columns))


def _target_for(source: TableSource, expected: Expected, columns: list[str]) -> Target | None:
    table, na_values, schema = source.table, source.options.na_values, expected.schema
    kind = schema.target_kind
    if kind.is_mixed:
        return _several_for(source, expected, columns)
    if kind.is_survival:
        if not expected.needs_target and not _has_event(source):
            return None
        pairs = _survival(source, columns, check=False)
        if not expected.needs_target and all(entry is None for entry in pairs.ravel()):
            return None
        return expected.target(source.path, lambda: schema.target_of(pairs))
    if kind.is_multilabel or len(columns) > 1:
        values: AnyArray = _target_matrix(source, columns)
    elif kind.is_regression:
        return expected.target(source.path, lambda: Target.from_numbers(target_numbers(table, columns[0], na_values)))
    else:
        values = labels_of(table, columns[0], na_values, infer=False)
    if not expected.needs_target and _is_empty(values):
        return None
    return expected.target(source.path, lambda: schema.target_of(values))


def _survival(source: TableSource, columns: list[str], *, check: bool) -> AnyArray:
    """Return times and events, (n_rows, 2); see `survival_values`."""
    event = source.options.event
    if event is None or source.options.task not in ("auto", "survival", "mixed") or len(columns) != 1:
        raise DataError(
            f"a survival target needs one column of times (target), option event (COLUMN=VALUE) and task 'auto' or "
            f"'survival', got target {_quoted(columns)}, event {event!r} and task {source.options.task!r}"
        )
    return survival_values(source.table, columns[0], EventColumn.parse(event), source.options.na_values, check=check)


def _has_event(source: TableSource) -> bool:
    return source.options.event is not None and EventColumn.parse(source.options.event).column in source


def _is_empty(values: AnyArray) -> bool:
    """Return True if no entry is a label."""
    if values.dtype.kind == "f":
        return bool(np.isnan(values).all())
    return values.dtype.kind == "O" and all(entry is None for entry in values.ravel())


def _target_matrix(source: TableSource, columns: list[str]) -> AnyArray:
    return numbers_in(source.path, source.table, "target", columns, source.options.na_values)
