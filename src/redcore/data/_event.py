"""Times and events of a survival target in columns of a table."""

import warnings
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from redcore._types import AnyArray
from redcore.data._columns import labels_of, target_numbers
from redcore.exceptions import DataError, DataWarning, TargetError, shortened

__all__ = ["EventColumn", "survival_values"]

SHOWN = 5


@dataclass(frozen=True)
class EventColumn:
    """Column of events, and the entry that stands for the event; None if the column contains 0 and 1, or booleans.

    Examples
    --------
    >>> EventColumn.parse("survival_status=deceased")
    EventColumn(column='survival_status', value='deceased')
    """

    column: str
    value: str | None

    @classmethod
    def parse(cls, text: str) -> "EventColumn":
        """Parse ``COLUMN=VALUE`` or ``COLUMN``."""
        column, equals, value = text.partition("=")
        if not column.strip() or (equals and not value.strip()):
            raise TargetError(f"event {text!r}: expected COLUMN=VALUE, such as survival_status=deceased")
        return cls(column.strip(), value.strip() if equals else None)

    def indicators(self, labels: AnyArray, check: bool) -> AnyArray:
        """Return 1 for events, 0 for other entries and None for empty ones, object (n_rows,).

        Parameters
        ----------
        labels : array (n_rows,)
            Entries of the column, with None for empty cells.
        check : bool
            If True, raise `TargetError` if `value` does not occur.

        Warns
        -----
        DataWarning
            If entries differ from `value` only in case.
        """
        entries = labels.tolist()
        if self.value is None:
            return np.array([self._indicator(entry) for entry in entries], dtype=object)
        texts = [None if entry is None or entry != entry else _text(entry) for entry in entries]
        if check and self.value not in texts:
            known = sorted({text for text in texts if text is not None})
            more = ", ..." if len(known) > SHOWN else ""
            raise TargetError(
                f"event: no row of column {self.column!r} is {self.value!r}; entries: "
                f"{', '.join(map(repr, known[:SHOWN]))}{more}"
            )
        self._warn_of_similar(texts)
        return np.array([None if text is None else float(text == self.value) for text in texts], dtype=object)

    def _indicator(self, entry: object) -> object:
        booleans = {"true": 1, "false": 0}
        text = str(entry).lower()
        if isinstance(entry, str) and text not in (*booleans, "0", "1", "0.0", "1.0"):
            raise TargetError(
                f"event: an entry of column {self.column!r} is {entry[:40]!r}, expected 0 and 1 or booleans; name the "
                f"entry of the event, such as event={self.column}={entry[:40]}"
            )
        return booleans.get(text, entry)

    def _warn_of_similar(self, texts: list[str | None]) -> None:
        """Warn of entries that differ from the event only in case, and count as censored."""
        assert self.value is not None
        forms = Counter(text for text in texts if text not in (None, self.value))
        for text, count in forms.items():
            if text is not None and text.casefold() == self.value.casefold():
                message = (
                    f"event: {count} rows of column {self.column!r} are {text!r} and count as censored, since they "
                )
                warnings.warn(DataWarning(f"{message}differ from the event {self.value!r} in case"), stacklevel=3)


def _text(entry: object) -> str:
    return str(int(entry)) if isinstance(entry, float) and entry.is_integer() else str(entry).strip()


def survival_values(
    table: pa.Table, times: str, event: EventColumn, na_values: Collection[str] = (), *, check: bool = True
) -> AnyArray:
    """Return times and events of a table, object (n_rows, 2), with None for empty cells; see `EventColumn.indicators`.

    Raises
    ------
    DataError
        If a column does not exist, or a time is not a number.
    """
    for role, column in (("target", times), ("event", event.column)):
        if column not in table.column_names:
            raise DataError(f"{role}: no column {column!r}; columns: {shortened(table.column_names, 20, str)}")
    indicators = event.indicators(labels_of(table, event.column, na_values), check)
    try:
        numbers = target_numbers(table, times, na_values)
    except TargetError as error:
        raise TargetError(f"target {times!r}: {error}, expected a time") from None
    return np.array([numbers.astype(object), indicators], dtype=object).T
