"""Data of a benchmark cell after splitting and amputation, which are the same for every method."""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from redcore._discovery import is_known
from redcore._types import IntArray
from redcore.benchmark._cell_config import Cell, DataSpec
from redcore.data import MultimodalData, count_units, hold_out
from redcore.data.formats import read
from redcore.datasets import dataset, is_public
from redcore.exceptions import DataError
from redcore.missing import ampute, takes_rates
from redcore.runs import fold_codes, split_codes

__all__ = ["Parts", "prepare"]


@dataclass(frozen=True)
class Parts:
    """Splits of the data of a cell.

    Attributes
    ----------
    train : MultimodalData
        Training split after amputation.
    validation : MultimodalData or None
        Validation split after amputation; None if the data has none. Methods that need one then hold out training
        samples.
    test : MultimodalData
        Test split before amputation.
    hidden_test : MultimodalData
        Test split after amputation.
    checksum : str
        Checksum of all values and labels before amputation.
    source : {"published", "drawn", "fold"}
        Origin of the test split: the data, a random split with the seed of the cell, or a cross-validation fold.
    """

    train: MultimodalData
    validation: MultimodalData | None
    test: MultimodalData
    hidden_test: MultimodalData
    checksum: str
    source: Literal["published", "drawn", "fold"]

    def observed(self) -> dict[str, MultimodalData]:
        """Return the splits after amputation, by name, without a validation split that does not exist."""
        validation = {} if self.validation is None else {"validation": self.validation}
        return {"train": self.train, **validation, "test": self.hidden_test}


def prepare(cell: Cell, data_folder: Path | None = None) -> Parts:
    """Read the data of a cell, split it and hide modalities.

    Raises
    ------
    DataError
        If a file does not exist, or the cell has a fold and the data has a test split.
    """
    data = _read(cell.data.model_dump_json(), cell.fold, data_folder)
    train, validation, test = (data.take(rows) for rows in _split_rows(data, cell))
    return Parts(
        _hide(train, cell, "train"),
        _hide(validation, cell, "validation") if validation.n_samples else None,
        test,
        _hide(test, cell, "test"),
        data.checksum(),
        _source(data, cell),
    )


@lru_cache(maxsize=2)
def _read(options: str, fold: int | None, folder: Path | None) -> MultimodalData:
    spec = DataSpec.model_validate_json(options)
    data = _load(spec, fold, folder or Path())
    selected = data.select(spec.modalities) if spec.modalities else data
    return replace(
        selected,
        split=None if "split" in spec.ignore else data.split,
        groups=None if "groups" in spec.ignore else data.groups,
    )


def _load(spec: DataSpec, fold: int | None, folder: Path) -> MultimodalData:
    if not is_known("redcore.datasets", spec.name):
        path = folder / spec.name
        if not path.exists():
            raise DataError(f"{path}: no such file, and no data set has the name {spec.name!r}")
        return read(path, options=spec.options)
    module = dataset(spec.name)
    if not is_public(spec.name):
        data: MultimodalData = module.load(**spec.options)
        return data
    options = dict(spec.options)
    root = folder / options.pop("root", spec.name)
    if not root.exists():
        raise DataError(
            f"{root}: no such file or folder; the files of {spec.name!r} must be obtained from {module.CARD.source}"
        )
    public: MultimodalData = module.load(root, **({} if fold is None else {"fold": fold}), **options)
    return public


def _has_test(data: MultimodalData) -> bool:
    return data.split is not None and bool((data.split == 2).any())


def _source(data: MultimodalData, cell: Cell) -> Literal["published", "drawn", "fold"]:
    if cell.fold is not None:
        return "fold"
    return "published" if _has_test(data) and not cell.data.draws_split(cell.seed) else "drawn"


def _split_rows(data: MultimodalData, cell: Cell) -> tuple[IntArray, IntArray, IntArray]:
    """Return the rows of the training, validation and test split.

    These are the splits of the data, or random splits of the same sizes. Without a test split, it is drawn from the
    training split: one fold, if the cell has a fold, else a fraction as in `redcore.runs.split_codes`.
    """
    has_test = _has_test(data)
    if has_test and cell.fold is not None and not is_public(cell.data.name):
        raise DataError(
            f"{cell.data.title()}: n_folds is set, but the data has a test split; ignore = ['split'] removes it"
        )
    if has_test and cell.data.draws_split(cell.seed):
        codes = _redrawn(data, cell.seed)
    elif has_test or cell.fold is None:
        codes = split_codes(data, cell.test_fraction, cell.seed)
    else:
        codes = fold_codes(data, cell.data.n_folds or 2, cell.fold, cell.seed)
    if not (codes == 2).any():
        raise DataError(f"{cell.data.title()}: no test samples, since none can be held out")
    return np.flatnonzero(codes == 0), np.flatnonzero(codes == 1), np.flatnonzero(codes == 2)


def _redrawn(data: MultimodalData, seed: int) -> IntArray:
    """Return a random split with the shares of test and validation samples (or groups) of the data's split."""
    published = data.split
    assert published is not None
    codes = np.zeros(data.n_samples, dtype=np.int64)
    for code in (2, 1):
        candidates = np.flatnonzero(codes == 0)
        n_units = count_units(data.take(candidates))
        share = (
            count_units(data.take(np.flatnonzero(published == code))) / n_units if (published == code).any() else 0.0
        )
        _, held_out = hold_out(data.take(candidates), share, seed)
        codes[candidates[held_out]] = code
    return codes


def _hide(data: MultimodalData, cell: Cell, part: str) -> MultimodalData:
    protocol = cell.protocol.for_split(part)
    rates = protocol.rates_of(data.names)
    has_test_protocol = part == "test" and cell.protocol.test is not None
    if not any(rates.values()) and not has_test_protocol and (part == "test" or takes_rates(protocol.name)):
        return data
    rng = np.random.default_rng(_mask_seed(cell, part))
    return ampute(data, protocol.name, rates, rng, options=protocol.options, at_least_one=protocol.at_least_one)


def _mask_seed(cell: Cell, part: str) -> list[int]:
    fold = "" if cell.fold is None else f"/{cell.fold}"
    name = f"{cell.data.title()}/{cell.protocol.title()}/{part}{fold}".encode()
    return [cell.seed, *hashlib.sha256(name).digest()[:8]]
