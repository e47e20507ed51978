"""MuData files (``.h5mu``) and AnnData files (``.h5ad``) of the scverse: one modality per assay.

A modality has the matrix ``X`` of an assay, or one of its layers, and the feature names ``var_names``. The ids are the
``obs_names``; a modality is missing in the samples (cells) that its assay does not contain. An ``.h5ad`` file has a
single assay, the modality ``X``, unless a column of ``var`` assigns its features to assays. Target, groups and split
are columns of ``obs``. `write_h5mu` writes such files. Both need the packages of the extra ``omics``.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._files import write_atomic
from redcore._settings import Settings
from redcore._types import AnyArray
from redcore._validation import SPLIT_CODES, NanPolicy, is_missing
from redcore.data import SPLITS, MultimodalData, Target, Task, available_memory, decide_target
from redcore.data._csv import names_from_text
from redcore.data.formats._expected import Expected
from redcore.data.formats._hdf5 import open_hdf5
from redcore.exceptions import DataError, EmptySampleWarning, shortened

__all__ = ["Options", "read", "read_for", "recognises", "write_h5mu"]

SUFFIXES = (".h5mu", ".h5ad")
SINGLE_ASSAY = "X"
CATEGORIES, TEXT = "redcore_categories", "redcore_text"
"""Entries of ``uns`` of an assay, as JSON objects: the categories of the features that are categories or free text; and
the names of the features that are free text, as ``features``."""
BYTES_PER_VALUE = 8
"""Memory per value of a dense matrix: its float32 values and a copy while they are packed."""


Names = Annotated[tuple[str, ...], BeforeValidator(names_from_text)]


class Options(Settings):
    """Options of the reader.

    Attributes
    ----------
    target : tuple of str, optional
        Column of ``obs`` with the target, or several columns for multi-label targets and regression with several
        outputs. ``assay:column`` is a column of one assay. Default: the column ``target``, if there is one.
    task : {"auto", "classes", "numbers", "labels"}, default "auto"
        Kind of the target, as in tables.
    group, split : str, optional
        Columns of the groups and of the split (0, 1, 2 or train, validation, test). Default: the columns ``group`` and
        ``split``, if they exist.
    layer : str, optional
        Layer to read instead of ``X``, for the assays that have it.
    obsm : tuple of str
        Arrays of ``obsm`` that are additional modalities, such as a protein panel.
    assay : str, optional
        Column of ``var`` that assigns the features of an ``.h5ad`` file to modalities, such as ``feature_types``.
    nan_rows : {"keep", "error", "missing"}, default "keep"
        Treatment of rows in which only some values are NaN.
    """

    target: Names = Field(default=())
    task: Task = "auto"
    group: str | None = None
    split: str | None = None
    layer: str | None = None
    obsm: Names = Field(default=())
    assay: str | None = None
    nan_rows: NanPolicy = "keep"


@dataclass(frozen=True, eq=False)
class Assay:
    """Matrix of an assay (n_obs, n_features), dense or sparse, with its annotations as data frames."""

    values: Any
    names: tuple[str, ...] | None
    obs: Any
    categories: Mapping[str, list[str]] = field(default_factory=dict)
    text: Sequence[str] = ()


def recognises(path: Path) -> bool:
    """Return True if the path ends in .h5mu or .h5ad."""
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def read(path: Path, options: Options) -> MultimodalData:
    """Read a MuData or AnnData file.

    Raises
    ------
    DataError
        If the packages are not installed, if the file is damaged, if a column does not exist, or if a sparse matrix
        does not fit in memory as a dense one. The message names file and assay.
    """
    return _read(path, options, lambda columns: _target(columns, options))


def read_for(path: Path, options: Options, expected: Expected) -> MultimodalData:
    """Read a MuData or AnnData file for a model. The target may be absent, and gets kind and classes of the model.

    Raises
    ------
    DataError
        As `read`.
    """
    return expected.conform(path, _read(path, options, lambda columns: _target_for(columns, options, expected), True))


def _read(
    path: Path, options: Options, target: Callable[["_Columns"], Target | None], is_for_model: bool = False
) -> MultimodalData:
    """Read a file. If it is read for a model, the columns of groups and split may be absent."""
    _require(path)
    with open_hdf5(path) as reader, _read_errors(path):
        root = reader.checked_root()
        _check_keys(path, root, options, is_for_model)
        assays = _assays(path, root, options)
        obs = _frame(path, root, "obs") if "mod" in root else next(iter(assays.values())).obs
    ids = _names(path, "obs", obs)
    n_samples, values, observed = len(ids), {}, {}
    rows_of = {name: row for row, name in enumerate(ids)}
    for name, assay in assays.items():
        unknown = [one for one in _names(path, name, assay.obs) if one not in rows_of]
        if unknown:
            raise DataError(f"{path}: assay {name!r} has the sample {unknown[0]!r}, which is not in obs of the file")
        rows = np.array([rows_of[one] for one in assay.obs.index.astype(str)], dtype=np.int64)
        dense = _dense(path, name, assay.values)
        values[name] = np.full((n_samples, dense.shape[1]), np.nan, dtype=np.result_type(dense, np.float32))
        values[name][rows] = dense
        observed[name] = np.isin(np.arange(n_samples), rows)
    columns = _Columns(path, obs, assays, ids, is_for_model)
    try:
        return MultimodalData.from_arrays(
            values,
            target(columns),
            availability=observed,
            groups=columns.optional(options.group, "group"),
            sample_ids=np.array(ids),
            split=_split(columns.optional(options.split, "split")),
            feature_names={name: assay.names for name, assay in assays.items() if assay.names is not None},
            categories={name: assay.categories for name, assay in assays.items() if assay.categories},
            text={name: assay.text for name, assay in assays.items() if assay.text},
            nan_rows=options.nan_rows,
        )
    except DataError as error:
        text = str(error)
        raise type(error)(text if text.startswith(str(path)) else f"{path}: {text}") from None


def write_h5mu(data: MultimodalData, path: Path | str, **about: str) -> None:
    """Write data as a MuData file, or data of one modality as an AnnData file.

    ``obs`` gets the columns ``target`` (``target_<name>`` if the target has several outputs or labels), ``group`` and
    ``split``. Features without names are called ``<modality>_<number>``. Categories of an assay are written to its
    ``uns``, as JSON.

    Parameters
    ----------
    data : MultimodalData
    path : Path or str
        File to create, ending in .h5mu or .h5ad. It must not exist.
    **about : str
        Entries of ``uns``, such as a title. Empty ones are left out.

    Raises
    ------
    DataError
        If the packages are not installed, if the file exists, if a modality contains sequences, or if an .h5ad file is
        to have several modalities.

    Warns
    -----
    EmptySampleWarning
        If samples have no modality. The file does not contain them.
    """
    path = Path(path)
    _check_writable(data, path)
    _require(path)
    import anndata
    import mudata

    data = data.loaded()
    obs = _obs(data)
    uns = {key: text for key, text in about.items() if text}
    with _quiet():
        assays = {}
        for name, modality in data.modalities.items():
            rows = np.flatnonzero(modality.availability)
            names = data.feature_names.get(name, [f"{name}_{index}" for index in range(modality.n_features)])
            of_assay = obs.iloc[rows] if path.suffix.lower() == ".h5ad" else obs.iloc[rows][[]]
            assays[name] = anndata.AnnData(modality.gather(rows).values, of_assay, _empty_frame(names))
            if data.categories.get(name):
                assays[name].uns[CATEGORIES] = json.dumps(data.categories[name])
                if name in data.text:
                    assays[name].uns[TEXT] = json.dumps({"features": data.text[name]})
        if path.suffix.lower() == ".h5ad":
            single = next(iter(assays.values()))
            single.uns.update(uns)
            write_atomic(path, lambda temporary: single.write_h5ad(temporary))
            return
        with _without_pull(mudata):
            # MuData orders the samples by assay
            written = obs.index[data.availability.any(axis=1)]
            whole = mudata.MuData(assays)[written].copy()
            whole.obs = obs.loc[whole.obs_names]
            whole.obs.index = whole.obs.index.astype(object)
            whole.var.index = whole.var.index.astype(object)
            whole.uns.update(uns)
            write_atomic(path, lambda temporary: whole.write(temporary))


def _without_pull(mudata: Any) -> AbstractContextManager[Any]:
    """Keep MuData objects from copying columns of the assays, which versions before 0.4 do by default."""
    return mudata.set_options(pull_on_update=False) if hasattr(mudata, "set_options") else nullcontext()


def _check_writable(data: MultimodalData, path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: expected a file name ending in .h5mu or .h5ad")
    if path.exists():
        raise DataError(f"{path}: exists already; nothing is overwritten")
    if path.suffix.lower() == ".h5ad" and len(data.names) > 1:
        raise DataError(f"{path}: an .h5ad file has one modality, got {len(data.names)}; write an .h5mu file")
    for name, modality in data.modalities.items():
        if modality.form != "vectors":
            raise DataError(f"{path}: modality {name!r} contains {modality.form}, which these files cannot hold")
    if n_empty := int((~data.availability.any(axis=1)).sum()):
        text = f"{path}: {n_empty} samples without any modality are not written"
        warnings.warn(text, EmptySampleWarning, stacklevel=3)


def _obs(data: MultimodalData) -> Any:
    """Return the data frame ``obs`` of all samples, with text as objects, which every version of anndata writes."""
    obs = _empty_frame(data.sample_ids.astype(str))
    target = data.target
    if target is not None and target.is_classification:
        labels = np.asarray(target.classes)[target.values]
        obs["target"] = _column(labels)
    elif target is not None and target.values.ndim == 1:
        obs["target"] = target.values
    elif target is not None:
        own = range(target.values.shape[1]) if target.classes is None else target.classes
        for index, name in enumerate(("time", "event") if target.kind.is_survival else own):
            obs[f"target_{name}"] = target.values[:, index]
    if data.groups is not None:
        obs["group"] = _column(data.groups)
    if data.split is not None:
        obs["split"] = _column(np.array(SPLITS)[data.split])
    return obs


def _column(values: AnyArray) -> Any:
    """Return a column of ``obs``; text becomes categories, since some versions of anndata cannot write text."""
    import pandas as pd

    if values.dtype.kind != "U":
        return values
    categories, codes = np.unique(values, return_inverse=True)
    return pd.Categorical.from_codes(codes, pd.Index(categories.tolist(), dtype=object))


def _empty_frame(names: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(index=pd.Index(list(names), dtype=object))


def _require(path: Path) -> None:
    try:
        import anndata  # noqa: F401
        import mudata  # noqa: F401
    except ImportError:
        raise DataError(
            f"{path}: .h5mu and .h5ad files need anndata and mudata: pip install 'redcore[omics]'"
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore warnings of the packages, which concern their own calls of pandas and old forms of the files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """Convert all errors to `DataError`: anndata raises errors of several packages for damaged files."""
    try:
        with _quiet():
            yield
    except DataError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        kind = type(error).__name__
        raise DataError(f"{path}: damaged, or not a file of mudata or anndata ({kind}: {reason})") from None


def _check_keys(path: Path, root: Any, options: Options, is_for_model: bool) -> None:
    """Raise `DataError` if no assay has the layer or an array of obsm. The latter may be absent for a model."""
    groups = [root["mod"][name] for name in root["mod"]] if "mod" in root else [root]
    wanted = {"layers": [] if options.layer is None else [options.layer], "obsm": () if is_for_model else options.obsm}
    for kind, keys in wanted.items():
        known = sorted({str(key) for group in groups for key in group.get(kind, {})})
        if absent := [key for key in keys if key not in known]:
            entries = shortened(known, 20, str) or "none"
            raise DataError(f"{path}: no {absent[0]!r} in {kind} of the file; entries: {entries}")


def _assays(path: Path, root: Any, options: Options) -> dict[str, Assay]:
    if "mod" not in root:
        return _of_anndata(path, SINGLE_ASSAY, root, options)
    if int(root.attrs.get("axis", 0)) == 1:
        raise DataError(f"{path}: the assays share features, expected assays that share samples (axis 0)")
    if options.assay is not None:
        raise DataError(f"{path}: the option 'assay' is for .h5ad files; this file has the assays {list(root['mod'])}")
    assays: dict[str, Assay] = {}
    for name in root["mod"]:
        assays |= _of_anndata(path, str(name), root["mod"][name], options)
    if not assays:
        raise DataError(f"{path}: the file has no assay")
    return assays


def _of_anndata(path: Path, name: str, group: Any, options: Options) -> dict[str, Assay]:
    """Return the assays of one AnnData group: its matrix, perhaps divided by a column of ``var``, and its ``obsm``."""
    from anndata.io import read_elem

    obs, var = _frame(path, group, "obs", name), _frame(path, group, "var", name)
    in_layer = options.layer is not None and options.layer in group.get("layers", {})
    if not in_layer and "X" not in group:
        raise DataError(f"{path}: assay {name!r} has no matrix X")
    values = read_elem(group["layers"][options.layer] if in_layer else group["X"])
    names = _names(path, f"{name}: var", var)
    if getattr(values, "shape", None) != (len(obs), len(var)):
        shape = getattr(values, "shape", None)
        raise DataError(f"{path}: the matrix of assay {name!r} has shape {shape}, expected {(len(obs), len(var))}")
    text = _lists(path, name, group, TEXT).get("features", [])
    assays = {name: Assay(values, tuple(names), obs, _lists(path, name, group, CATEGORIES), text)}
    if options.assay is not None:
        if options.assay not in var:
            raise DataError(f"{path}: var has no column {options.assay!r}; columns: {_listed(var)}")
        kinds = var[options.assay].astype(str).to_numpy()
        values = values.tocsc() if hasattr(values, "tocsc") else values
        assays = {
            str(kind): Assay(values[:, kinds == kind], tuple(np.array(names)[kinds == kind]), obs)
            for kind in np.unique(kinds)
        }
    for key in options.obsm:
        if key in group.get("obsm", {}):
            array = read_elem(group["obsm"][key])
            features = tuple(map(str, array.columns)) if hasattr(array, "columns") else None
            values = array.to_numpy() if hasattr(array, "to_numpy") else array
            if values.ndim != 2 or len(values) != len(obs):
                raise DataError(f"{path}: obsm {key!r} has shape {values.shape}, expected ({len(obs)}, n_features)")
            assays[key] = Assay(values, features, obs)
    return assays


def _lists(path: Path, name: str, group: Any, key: str) -> dict[str, list[str]]:
    """Return the lists of an entry of ``uns`` that `write_h5mu` wrote; empty for other files."""
    from anndata.io import read_elem

    if key not in group.get("uns", {}):
        return {}
    try:
        content = json.loads(str(read_elem(group["uns"][key])))
        if not all(isinstance(own, list) and all(isinstance(entry, str) for entry in own) for own in content.values()):
            raise ValueError("expected lists of text")
    except (ValueError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: {key} of assay {name!r} is not a JSON object of lists ({error})") from None
    return dict(content)


def _frame(path: Path, group: Any, key: str, name: str | None = None) -> Any:
    from anndata.io import read_elem

    where = key if name is None else f"{key} of assay {name!r}"
    if key not in group:
        raise DataError(f"{path}: {where} is absent, expected a data frame")
    frame = read_elem(group[key])
    if not hasattr(frame, "columns") or not hasattr(frame, "index"):
        raise DataError(f"{path}: {where} is a {type(frame).__name__}, expected a data frame")
    return frame


def _names(path: Path, what: str, frame: Any) -> list[str]:
    """Return the index of a data frame as text; raise `DataError` if a name occurs twice."""
    names = [str(name) for name in frame.index]
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: {what}: the name {repeated!r} occurs twice; anndata can make names unique")
    return names


def _dense(path: Path, name: str, values: Any) -> AnyArray:
    """Return the matrix of an assay as an array. The memory is checked before a sparse one becomes dense."""
    if not hasattr(values, "toarray"):
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise DataError(f"{path}: the matrix of assay {name!r} is of type {array.dtype}, expected numbers")
        return array
    n_bytes, available = values.shape[0] * values.shape[1] * BYTES_PER_VALUE, available_memory()
    if available is not None and n_bytes > available:
        raise DataError(
            f"{path}: assay {name!r} is sparse with shape {values.shape} and needs {n_bytes / 2**30:.1f} GiB as a "
            f"dense matrix, but {available / 2**30:.1f} GiB of memory are available; keep fewer features, such as "
            "highly variable genes, or a reduction in obsm"
        )
    try:
        # indices outside the matrix would crash the conversion
        values.check_format(full_check=True)
    except ValueError as error:
        raise DataError(f"{path}: the sparse matrix of assay {name!r} is damaged ({error})") from None
    return np.asarray(values.astype(np.float32).toarray())


@dataclass(frozen=True, eq=False)
class _Columns:
    """Columns of ``obs`` of the file and of its assays."""

    path: Path
    obs: Any
    assays: Mapping[str, Assay]
    ids: list[str]
    may_be_absent: bool

    def optional(self, name: str | None, default: str) -> AnyArray | None:
        """Return the column `name`, by default the column `default`, if there is one."""
        if (name is None or self.may_be_absent) and not self.has(name or default):
            return None
        return self.entries(name or default)

    def has(self, name: str) -> bool:
        """Return True if the file or an assay has the column."""
        return bool(self._frames(name))

    def entries(self, name: str) -> AnyArray:
        """Return a column (n_samples,); of type object with None if entries are missing or text."""
        frames = self._frames(name)
        if not frames:
            known = ", ".join(dict.fromkeys([*self.obs, *(key for one in self.assays.values() for key in one.obs)]))
            raise DataError(f"{self.path}: obs has no column {name!r}; columns: {known or 'none'}")
        by_id: dict[str, Any] = {}
        for series in frames:
            for one, entry in zip(series.index.astype(str), series.astype(object), strict=True):
                if not is_missing(entry) and by_id.setdefault(one, entry) != entry:
                    raise DataError(f"{self.path}: column {name!r} of sample {one!r} differs between assays")
        entries = [by_id.get(one) for one in self.ids]
        return np.array(entries, dtype=object)

    def _frames(self, name: str) -> list[Any]:
        """Return the columns `name` of the file or of its assays."""
        assay, colon, column = name.partition(":")
        if name in self.obs:
            return [self.obs[name]]
        if colon and assay in self.assays and column in self.assays[assay].obs:
            return [self.assays[assay].obs[column]]
        return [assay.obs[name] for assay in self.assays.values() if name in assay.obs]


def _target(columns: _Columns, options: Options) -> Target | None:
    values, names = _target_values(columns, options)
    return None if values is None else decide_target(values, options.task, ", ".join(map(repr, names)), names)


def _target_for(columns: _Columns, options: Options, expected: Expected) -> Target | None:
    if not expected.needs_target and not all(map(columns.has, options.target)):
        return None
    values, _ = _target_values(columns, options)
    if values is None or (not expected.needs_target and all(map(is_missing, values.ravel()))):
        return None
    return expected.target(columns.path, lambda: expected.schema.target_of(values))


def _target_values(columns: _Columns, options: Options) -> tuple[AnyArray | None, list[str]]:
    """Return the columns of the target as objects, (n_samples,) or (n_samples, n_columns), and their names."""
    names = list(options.target) or (["target"] if columns.has("target") else [])
    entries = [columns.entries(name) for name in names]
    return (None if not entries else entries[0] if len(entries) == 1 else np.stack(entries, axis=1)), names


def _split(entries: AnyArray | None) -> AnyArray | None:
    if entries is None:
        return None
    # unknown values are kept and reported by check_split
    return np.array([SPLIT_CODES.get(str(entry).lower(), entry) for entry in entries], dtype=object)


def _listed(frame: Any) -> str:
    return shortened(frame.columns, 20, str) or "none"
