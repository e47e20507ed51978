"""Requirements of a model on the data that it predicts or is evaluated on."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redcore.data import MultimodalData, Schema, Target
from redcore.exceptions import DataError, DataWarning, TargetError

__all__ = ["Expected"]


@dataclass(frozen=True)
class Expected:
    """Model for which data is read.

    Attributes
    ----------
    schema : Schema
        Modalities and target of the model.
    needs_target : bool
        If False, labels may be absent. Labels that are incomplete or not of the model are then ignored with a warning.
    data_format : str or None
        Format of the training data.
    options : mapping
        Options with which the training data was read.
    overrides : mapping
        Options that replace those of the training data and those stored next to the file.
    """

    schema: Schema
    needs_target: bool = False
    data_format: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def target(self, path: Path, make: Callable[[], Target]) -> Target | None:
        """Return the target that `make` returns; None if labels are not needed and `make` raises `TargetError`."""
        if self.needs_target:
            return make()
        try:
            return make()
        except TargetError as error:
            warnings.warn(DataWarning(f"{path}: labels are ignored ({error})"), stacklevel=2)
            return None

    def conform(self, path: Path, data: MultimodalData) -> MultimodalData:
        """Return `data` with the features of each modality in the order of the model; see `Schema.conform`."""
        try:
            return self.schema.conform(data)
        except DataError as error:
            raise type(error)(f"{path}: {error}") from None
