"""MuData files."""

import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
from scipy import sparse


def frame(names: Iterable[str], **columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(list(names), dtype=object))


def categories(entries: list[str]) -> pd.Categorical:
    return pd.Categorical(entries, pd.Index(sorted(set(entries)), dtype=object))


def without_pull() -> AbstractContextManager[Any]:
    """Keep MuData objects from copying columns of the assays; `set_options` was removed in version 0.4."""
    return mudata.set_options(pull_on_update=False) if hasattr(mudata, "set_options") else nullcontext()


def write_sample(folder: Path) -> Path:
    """Write eight cells with sparse counts of genes, of which six have proteins."""
    rng, path = np.random.default_rng(0), folder / "cells.h5mu"
    cells = [f"cell{number}" for number in range(8)]
    counts = sparse.csr_matrix(rng.poisson(0.7, (8, 5)).astype(np.float32))
    with warnings.catch_warnings(), without_pull():
        warnings.simplefilter("ignore")
        genes = anndata.AnnData(counts, frame(cells), frame([f"gene{number}" for number in range(5)]))
        proteins = anndata.AnnData(
            rng.normal(size=(6, 2)).astype(np.float32),
            frame([*cells[5:1:-1], "cell0", "cell6"]),
            frame(["CD3", "CD19"]),
        )
        data = mudata.MuData({"rna": genes, "protein": proteins})
        data.obs = frame(
            data.obs_names,
            target=categories(["BT"[cells.index(cell) % 2] for cell in data.obs_names]),
            group=categories([f"donor{number % 3}" for number in range(8)]),
        )
        data.var.index = data.var.index.astype(object)
        data.write(path)
    return path


def remove_labels(path: Path) -> None:
    """Remove the column of the target from ``obs``."""
    with h5py.File(path, "a") as file:
        del file["obs/target"]
        file["obs"].attrs["column-order"] = [name for name in file["obs"].attrs["column-order"] if name != "target"]
