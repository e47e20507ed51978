"""Join of the samples of all modalities with their labels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from redcore.data import Joined, MultimodalData, Task, table_columns
from redcore.exceptions import DataError

__all__ = ["Labels", "join_samples"]


@dataclass(frozen=True)
class Labels:
    """Table with the target of each sample, and optionally its group and split.

    Attributes
    ----------
    path : Path
        CSV, TSV or Parquet table with one row per sample.
    id : str
        Column of the sample ids.
    target : str
        Column of the target, or several columns separated by commas.
    group, split : str, optional
        Columns of group and split. Default: the columns "group" and "split", if they exist.
    task : {"auto", "classes", "numbers", "labels"}
        Kind of the target.
    """

    path: Path
    id: str = "id"
    target: str = "label"
    group: str | None = None
    split: str | None = None
    task: Task = "auto"

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `MultimodalData.join_with_report`."""
        columns = table_columns(self.path, self.id)
        optional = {
            "groups": self.group or ("group" if "group" in columns else None),
            "split": self.split or ("split" if "split" in columns else None),
        }
        return {
            "on": self.id,
            "target": f"{self.path}:{self.target}",
            "task": self.task,
            **{name: f"{self.path}:{column}" for name, column in optional.items() if column is not None},
        }


def join_samples(ids: Mapping[str, Iterable[str]], labels: Labels | None) -> Joined:
    """Return ids, targets, groups and split of all samples, and the report of the join.

    Every modality has a single feature, a zero.

    Parameters
    ----------
    ids : mapping of str to iterable of str
        Sample ids by modality.
    labels : Labels or None

    Raises
    ------
    DataError
        If the labels are damaged, or if no sample has a label; see `MultimodalData.join`.
    """
    if labels is not None and not labels.path.is_file():
        raise DataError(f"{labels.path}: no such file (labels)")
    sources = {name: dict.fromkeys(own, np.zeros(1)) for name, own in ids.items()}
    return MultimodalData.join_with_report(sources, **({} if labels is None else labels.arguments()))
