"""Base class of pretrained tabular models, which read the training samples at prediction (in-context learning)."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

import numpy as np
from pydantic import Field

from redcore._extras import is_installed
from redcore._settings import MethodSettings
from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError, SettingsError, UnsupportedError
from redcore.fitting import FitContext, seeded
from redcore.methods._base._table_method import TableMethod, block_starts

__all__ = ["PretrainedSettings", "PretrainedTableMethod"]


class PretrainedSettings(MethodSettings):
    """Settings of pretrained tabular models.

    Attributes
    ----------
    weights : str or None, default None
        File with the pretrained weights, or folder with one file whose name contains "classifier" (for classes and
        labels) and one whose name contains "regressor" (for continuous targets). Required: nothing is downloaded.
    n_estimators : int in [1, 64], default 8
        Number of predictions that are averaged, each with another order and scaling of the columns.
    max_samples : int >= 1, default 10000
        Maximum number of training samples that the model reads. If there are more, a random subset is used.
    max_columns : int >= 1, default 500
        Maximum number of columns of the table. A wider table is an error, because memory and time of a prediction are
        proportional to the number of training samples times the number of columns.
    """

    weights: str | None = None
    n_estimators: Annotated[int, Field(ge=1, le=64)] = 8
    max_samples: Annotated[int, Field(ge=1)] = 10_000
    max_columns: Annotated[int, Field(ge=1)] = 500


class PretrainedTableMethod(TableMethod):
    """Base class of pretrained models of a table in which the columns of a missing modality are NaN.

    Nothing is trained. The fitted arrays are the training samples, which the model reads at every prediction: a saved
    model contains these samples, but not the pretrained weights. Subclasses implement `_estimator`. A target that is
    constant in training is predicted as this constant.
    """

    Settings: ClassVar[type[MethodSettings]] = PretrainedSettings
    nothing_to_tune: ClassVar[str] = "it is not trained"

    package: ClassVar[str]
    """Package of the model, and name of the extra that installs it."""

    seed: int
    checksum: str

    @property
    def pretrained(self) -> PretrainedSettings:
        """Settings of the pretrained model."""
        return cast(PretrainedSettings, self.settings)

    def _estimator(self, weights: Path, is_classifier: bool) -> Any:
        """Return the unfitted estimator of the package, a classifier or a regressor with the scikit-learn interface.

        Raises
        ------
        SettingsError
            If the weights are of the other kind.
        """
        raise NotImplementedError

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        weights = self._weights()
        assert data.target is not None
        if data.target.weights is not None:
            raise UnsupportedError(f"method {self.package!r} does not support sample weights")
        self.seed, self.checksum = context.seed, _checksum(weights)
        super()._fit(data, validation, context)

    def _weights(self) -> Path:
        """Return the file with the weights, after a check of the package and the file."""
        if not is_installed(self.package):
            raise UnsupportedError(
                f"method {self.package!r} needs the package {self.package}: pip install 'redcore[{self.package}]'"
            )
        if self.pretrained.weights is None:
            raise SettingsError(
                f"method {self.package!r} needs pretrained weights: set weights to their file; nothing is downloaded"
            )
        path = Path(self.pretrained.weights)
        if path.is_dir():
            kind = "regressor" if self.schema.target_kind.is_regression else "classifier"
            files = [file for file in sorted(path.iterdir()) if kind in file.name]
            if len(files) != 1:
                listed = ", ".join(file.name for file in files) or "none"
                raise SettingsError(f"weights {path}: expected one file whose name contains {kind!r}, got {listed}")
            path = files[0]
        if not path.is_file():
            raise SettingsError(f"weights {path}: file does not exist")
        return path

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        settings = self.pretrained
        if table.shape[1] > settings.max_columns:
            raise DataError(
                f"method {self.package!r}: expected at most {settings.max_columns} columns (setting max_columns), got "
                f"{table.shape[1]}"
            )
        starts = block_starts(self.widths)
        rows = _context_rows(~np.isnan(table[:, starts]), target, settings.max_samples, seed)
        arrays = {"table": table[rows], "values": target.values[rows]}
        self._models = self._fitted(arrays)
        return arrays

    def _predict_table(self, table: AnyArray) -> AnyArray:
        if not hasattr(self, "_models"):
            self._models = self._fitted(self.table_arrays)
        outputs = np.zeros((len(table), self.schema.n_outputs))
        for columns, model in self._models:
            with seeded(self.seed):
                outputs[:, columns] = self._evaluate(model, table) if hasattr(model, "fit") else model
        return outputs

    def _evaluate(self, model: Any, table: AnyArray) -> AnyArray:
        """Return the outputs of a fitted estimator, (n_samples, n_columns)."""
        if hasattr(model, "predict_proba"):
            probabilities: AnyArray = model.predict_proba(table).astype(np.float64)
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            # one label: the probability of its second class
            return probabilities[:, 1:] if self.schema.target_kind.is_multilabel else probabilities
        return np.asarray(model.predict(table), dtype=np.float64).reshape(-1, 1)

    def _fitted(self, arrays: Mapping[str, AnyArray]) -> list[tuple[list[int], Any]]:
        """Return the fitted estimators, or constants, each with the indices of its outputs."""
        weights = self._weights()
        expected, got = self.checksum[:12], _checksum(weights)[:12]
        if expected != got:
            raise SettingsError(
                f"weights {weights}: expected the weights of the fit with checksum {expected}, got {got}"
            )
        is_classifier = not self.schema.target_kind.is_regression
        models: list[tuple[list[int], Any]] = []
        for columns, values in self._targets(arrays["values"]):
            if (values == values[0]).all():
                models.append((columns, float(values[0])))
                continue
            model = self._estimator(weights, is_classifier)
            try:
                with seeded(self.seed):
                    model.fit(arrays["table"], values)
            except Exception as error:
                message = f"method {self.package!r} cannot be fitted with the weights {weights}"
                raise UnsupportedError(f"{message}: {type(error).__name__}: {error}") from error
            models.append((columns, model))
        return models

    def _targets(self, values: AnyArray) -> Iterator[tuple[list[int], AnyArray]]:
        """Yield the target of each estimator, with the indices of its outputs."""
        if self.schema.target_kind.is_classification:
            yield np.unique(values).tolist(), values
            return
        columns = values.reshape(len(values), -1)
        for index in range(columns.shape[1]):
            column = columns[:, index]
            yield [index], column.astype(np.int64) if self.schema.target_kind.is_multilabel else column

    def _info(self) -> dict[str, Any]:
        return {**super()._info(), "seed": self.seed, "weights_sha256": self.checksum}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        super()._restore(info, arrays)
        self.seed, self.checksum = int(info["seed"]), str(info["weights_sha256"])

    def __getstate__(self) -> dict[str, Any]:
        # the estimators are made again from the training samples and the weights
        return {name: value for name, value in self.__dict__.items() if name != "_models"}


def _context_rows(observed: AnyArray, target: Target, max_samples: int, seed: int) -> IntArray:
    """Return the training samples that the model reads: all, or a random subset of `max_samples`.

    A subset contains a sample of each class and a sample that observes each modality, as far as it is large enough.

    Parameters
    ----------
    observed : bool array (n_samples, n_modalities)
    target : Target
    max_samples : int
    seed : int
    """
    if len(observed) <= max_samples:
        return np.arange(len(observed))
    order = np.random.default_rng(seed).permutation(len(observed))
    groups = [*observed.T]
    if target.is_classification:
        groups += [target.values == code for code in np.unique(target.values)]
    required = [order[np.argmax(group[order])] for group in groups if group.any()]
    rows = list(dict.fromkeys([*required, *order.tolist()]))[:max_samples]
    return np.sort(np.asarray(rows))


def _checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
