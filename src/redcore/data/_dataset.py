"""In-memory multimodal data set."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore._validation import (
    NanPolicy,
    check_availability,
    check_groups,
    check_known,
    check_modality_names,
    check_row_count,
    check_sample_ids,
    check_split,
)
from redcore.data._alignment import AlignedInputs, Samples
from redcore.data._column_facts import (
    checked_categories,
    checked_feature_names,
    checked_text,
    column_categories,
    column_names,
    column_text,
)
from redcore.data._frames import Frame, is_frame, plain_values
from redcore.data._incomplete import without_incomplete
from redcore.data._join import Joined, join
from redcore.data._mixed import Categories, MixedColumns
from redcore.data._modality import Modality
from redcore.data._target import Target
from redcore.exceptions import DataError

__all__ = ["SPLITS", "MultimodalData", "Part"]

Part: TypeAlias = Literal["train", "validation", "test"]
SPLITS: tuple[Part, ...] = ("train", "validation", "test")
"""Names of the splits; the codes in ``MultimodalData.split`` are positions in this tuple."""


@dataclass(frozen=True, eq=False)
class MultimodalData:
    """Multimodal data set with missing modalities, and optionally a target, groups and a split.

    Create it with `from_arrays`. A modality is missing in a sample if its entry is None, if its whole row is NaN, or if
    the availability mask is False. Missing modalities are not stored, so no later step can read them. A single NaN in
    an observed row is a missing cell and stays NaN. Modalities are sorted by name, whatever the order of the input.

    Attributes
    ----------
    modalities : dict of str to Modality
        Observed values by modality name, in sorted order. Read-only.
    target : Target or None
    groups : array (n_samples,) or None
        Group of each sample, such as its subject or video. Groups are never divided between training and validation.
    sample_ids : array (n_samples,)
        Unique ids, by default the row numbers.
    split : int array (n_samples,) or None
        Predefined split of the data set: 0 training, 1 validation, 2 test.
    feature_names : dict of str to tuple of str
        Names of the features, for the modalities whose features have names.
    categories : dict of str to dict of str to tuple of str
        Categories by modality and feature, for the features that are categories. Their values are codes, positions in
        this tuple; the number of categories stands for an unknown category. NaN is a missing cell.
    text : dict of str to tuple of str
        Features that are free text, by modality. `categories` contains their different texts.

    Examples
    --------
    >>> import numpy as np
    >>> data = MultimodalData.from_arrays(
    ...     {"text": np.ones((3, 4)), "audio": [[0.5, 0.1], None, [0.2, 0.3]]},
    ...     target=Target.from_labels(["yes", "no", "yes"]),
    ... )
    >>> data.names
    ('audio', 'text')
    >>> data.availability
    array([[ True,  True],
           [False,  True],
           [ True,  True]])
    """

    modalities: dict[str, Modality]
    target: Target | None
    groups: AnyArray | None
    sample_ids: AnyArray
    split: IntArray | None
    feature_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    categories: Categories = field(default_factory=dict)
    text: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_arrays(
        cls,
        modalities: Mapping[str, Any],
        target: Target | None = None,
        *,
        availability: Any = None,
        lengths: Mapping[str, Any] | None = None,
        groups: Any = None,
        sample_ids: Any = None,
        split: Any = None,
        feature_names: Mapping[str, Sequence[str]] | None = None,
        categories: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
        tokens: Mapping[str, int] | None = None,
        text: Mapping[str, Sequence[str]] | None = None,
        nan_rows: NanPolicy = "keep",
    ) -> "MultimodalData":
        """Create a data set from arrays. Values are validated and copied.

        Parameters
        ----------
        modalities : mapping of str to array, list or None
            Values of each modality: an array (n_samples, n_features) or (n_samples, time, n_features), or a list with
            one entry per sample (None, a vector or a (time, n_features) array), or None if it is missing everywhere.
            Images are (n_samples, channels, height, width), or a list of (channels, height, width) arrays; uint8 stays
            uint8, and other types become float32. Entries that are frames are matched by column name.
            Samples of pandas objects are matched by their index: the data set has the union of the samples of all
            modalities, in the order of their first appearance, and a modality without a row for a sample is missing.
            Samples of other values are matched by position. SciPy sparse arrays become dense.
        target : Target, optional
        availability : bool array (n_samples, n_modalities) or mapping, optional
            True = observed. Columns in the order of `modalities`, or by name if it is a DataFrame. Values of missing
            modalities are never read.
        lengths : mapping of str to int array (n_samples,), optional
            Lengths of padded sequences. By default, trailing time steps with only NaN are padding.
        groups : array (n_samples,), optional
            Group of each sample; groups are never divided between training and validation.
        sample_ids : array (n_samples,), optional
            Unique ids. By default, the labels of the samples if the modalities have labels, and else the row numbers.
        split : int array (n_samples,), optional
            0 training, 1 validation, 2 test. Default: no split. Pandas groups, ids and split are matched by index.
        feature_names : mapping of str to sequence of str, optional
            Names of the features by modality. By default, a DataFrame has the names of its columns, and an array none.
        categories : mapping of str to mapping of str to sequence of str, optional
            Categories by modality and feature, for arrays with codes of categories. By default, text columns and
            categorical columns of a frame are categories.
        tokens : mapping of str to int, optional
            Padding id by modality, for modalities of token ids: integers (n_samples, time), or a list with one (time,)
            array per sample. Padding ids at the end of a sequence are removed, and a sequence without other ids is
            missing.
        text : mapping of str to sequence of str, optional
            Features by modality that are free text: columns of a frame, or features with `categories`.
        nan_rows : {"keep", "error", "missing"}, default "keep"
            Treatment of NaN inside an otherwise observed row: keep it as a missing cell, raise an error, or treat the
            modality as missing in this sample. Missing cells are filled by the method; see
            `MethodSettings.within_modality`.

        Raises
        ------
        ShapeError, DataError, NonFiniteError, UnknownNameError
            If the input is invalid. The message names the modality and the row.
        """
        inputs = modalities if isinstance(modalities, AlignedInputs) else AlignedInputs(modalities)
        samples = inputs.samples.adopt({"availability": availability, "groups": groups, "split": split})
        names, n_samples, lengths, tokens = list(inputs), samples.n_samples, lengths or {}, tokens or {}
        if n_samples == 0:
            raise DataError("the data contains no samples")
        observed = np.ones((n_samples, len(names)), dtype=bool)
        if availability is not None:
            observed = check_availability(_aligned_availability(samples, availability), names, n_samples)
        check_known("modality", [*lengths, *tokens], names)
        if target is not None:
            samples.rows("target", target.values)
            check_row_count("target", len(target.values), n_samples)
        plain = {name: _plain(name, inputs[name], (text or {}).get(name, ())) for name in names}
        packed = {
            name: _packed(
                inputs,
                name,
                plain[name],
                observed[:, names.index(name)],
                lengths=lengths.get(name),
                nan_rows=nan_rows,
                padding=tokens.get(name),
            )
            for name in sorted(names)
        }
        named = checked_feature_names({**column_names(inputs, plain), **(feature_names or {})}, packed)
        coded = checked_categories({**column_categories(plain), **(categories or {})}, packed, named)
        return cls(
            packed,
            target,
            check_groups(samples.aligned("groups", groups), n_samples),
            check_sample_ids(samples.ids if sample_ids is None else samples.aligned("ids", sample_ids), n_samples),
            check_split(samples.aligned("split", split), n_samples),
            named,
            coded,
            checked_text({**column_text(plain), **(text or {})}, packed, coded),
        )

    @classmethod
    def join(
        cls,
        sources: Mapping[str, Any],
        on: str | None = None,
        *,
        target: Any = None,
        **options: Any,
    ) -> "MultimodalData":
        """Join modalities from several files or data frames by sample id.

        This is an outer join: a modality is missing in the samples that its source does not contain. Ids are compared
        as text, exactly as they stand in the files. Samples are sorted by id. `join_with_report` also
        returns a report with counts and missing patterns.

        Parameters
        ----------
        sources : mapping of str to path, data frame or mapping
            Source of each modality: a CSV, TSV or Parquet table, optionally with columns as in ``"file.csv:a_*,b"``; a
            pandas, polars or Arrow frame; an npz archive or a mapping with one array per id; or a folder with one file
            ``<id>.npy``, ``<id>.csv`` or ``<id>.tsv`` per id. Arrays are (n_features,) or (time, n_features).
        on : str, optional
            Column of the ids in all tables. A pandas frame without this column has the ids in its index.
        target : str or mapping, optional
            ``"file:column"``, or a mapping (or Series) of ids to labels. Samples without a label are left out. The
            labels of a survival target are pairs of a time and an event, with ``task="survival"``.
        **options
            ``task``: {"auto", "classes", "numbers", "labels", "survival"}, kind of the target as in tables. ``event``:
            ``"column=value"``, the events of a survival target, whose `target` are the times in the same file.
            ``groups``, ``split``: like `target`, but required for every sample. ``transpose``: names of the modalities
            whose tables have features in rows and samples in columns. ``nan_rows``: as in `from_arrays`. ``options``:
            mapping with options of tables, such as ``{"delimiter": ";", "category": "ward"}``; see
            `redcore.data.formats.table`.

        Raises
        ------
        DataError
            If a source cannot be read, an id occurs twice in a source, or a source shares no id with the others.

        Warns
        -----
        JoinWarning
            If ids of two sources differ in form only ("01" and "1"), or samples have no label.

        Examples
        --------
        >>> rna, blood = {"p1": [0.1, 0.2], "p2": [0.3, 0.4]}, {"p2": [1.0], "p3": [2.0]}
        >>> data = MultimodalData.join({"rna": rna, "blood": blood})
        >>> data.sample_ids.tolist(), data.availability.tolist()
        (['p1', 'p2', 'p3'], [[False, True], [True, True], [True, False]])
        """
        return cls.join_with_report(sources, on, target=target, **options).data

    @classmethod
    def join_with_report(cls, sources: Mapping[str, Any], on: str | None = None, **options: Any) -> Joined:
        """Join as `join` does, and return the data with a report of the samples of every modality.

        Examples
        --------
        >>> rna, blood = {"p1": [0.1, 0.2], "p2": [0.3, 0.4]}, {"p2": [1.0], "p3": [2.0]}
        >>> joined = MultimodalData.join_with_report({"rna": rna, "blood": blood})
        >>> joined.report.modalities["rna"]
        SourceCount(source="modality 'rna'", n_ids=2, n_observed=2, n_only_here=1)
        """
        return join(cls, sources, on, **options)

    @property
    def names(self) -> tuple[str, ...]:
        """Modality names, sorted."""
        return tuple(self.modalities)

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self.sample_ids)

    def __len__(self) -> int:
        return self.n_samples

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} ({_shape(modality)})" for name, modality in self.modalities.items())
        kind = f", {self.target.kind}" if self.target else ""
        return f"MultimodalData({self.n_samples} samples{kind}: {parts})"

    @property
    def availability(self) -> BoolArray:
        """Availability mask, bool (n_samples, n_modalities), True = observed, columns in the order of `names`."""
        return np.stack([modality.availability for modality in self.modalities.values()], axis=1)

    @property
    def missing_rates(self) -> dict[str, float]:
        """Fraction of samples in which each modality is missing, by name."""
        return {name: float(np.mean(~modality.availability)) for name, modality in self.modalities.items()}

    def take(self, indices: Any) -> "MultimodalData":
        """Return the samples at `indices`, in that order."""
        indices = np.asarray(indices, dtype=np.int64)
        return MultimodalData(
            {name: modality.take(indices) for name, modality in self.modalities.items()},
            None if self.target is None else self.target.take(indices),
            None if self.groups is None else self.groups[indices],
            self.sample_ids[indices],
            None if self.split is None else self.split[indices],
            self.feature_names,
            self.categories,
            self.text,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of samples and modalities. scikit-learn needs this property and `__getitem__` to select samples."""
        return self.n_samples, len(self.modalities)

    def __getitem__(self, rows: Any) -> "MultimodalData":
        """Return the samples selected by integer indices, a boolean mask or a slice; ``data[rows, ...]`` works too."""
        rows = rows[0] if isinstance(rows, tuple) else rows
        return self.take(np.atleast_1d(np.arange(self.n_samples)[rows]))

    def part(self, part: Part) -> "MultimodalData":
        """Return the samples of one split: "train", "validation" or "test". Without a split, the result is empty."""
        split = np.zeros(0, dtype=np.int64) if self.split is None else self.split
        check_known("split", [part], SPLITS)
        return self.take(np.flatnonzero(split == SPLITS.index(part)))

    def of_part(self, name: str) -> "MultimodalData":
        """Return the samples with a value of one part of a mixed target, with this part as their target."""
        if self.target is None:
            raise DataError("labels are missing: the data has no target")
        rows = self.target.labelled(name)
        data = self if rows.all() else self.take(np.flatnonzero(rows))
        return replace(data, target=self.target.of_part(name))

    def select(self, names: Iterable[str]) -> "MultimodalData":
        """Return the data with only the modalities `names`."""
        names = list(names)
        check_modality_names(names)
        check_known("modality", names, self.names)
        return replace(
            self,
            modalities={name: self.modalities[name] for name in sorted(names)},
            feature_names={name: self.feature_names[name] for name in sorted(names) if name in self.feature_names},
            categories={name: self.categories[name] for name in sorted(names) if name in self.categories},
            text={name: self.text[name] for name in sorted(names) if name in self.text},
        )

    def reorder_features(self, name: str, names: Sequence[str]) -> "MultimodalData":
        """Return the data with the features of one modality in the order of `names`, a permutation of their names."""
        position = {feature: index for index, feature in enumerate(self.feature_names[name])}
        order = [position[feature] for feature in names]
        modality = self.modalities[name].mapped(lambda values: values[:, order])
        return replace(
            self,
            modalities={**self.modalities, name: modality},
            feature_names={**self.feature_names, name: tuple(names)},
        )

    def hide(self, availability: Any) -> "MultimodalData":
        """Return the data with modalities removed where `availability` is False.

        Parameters
        ----------
        availability : bool array (n_samples, n_modalities) or mapping
            True = keep, columns in the order of `names`. Modalities that are already missing stay missing. The columns
            of a DataFrame are matched by name, and its rows by the sample ids, unless these are the row numbers.
        """
        availability = _aligned_availability(Samples.of_ids(self.sample_ids), availability)
        observed = check_availability(availability, self.names, self.n_samples)
        modalities = {
            name: modality.hide(observed[:, column]) for column, (name, modality) in enumerate(self.modalities.items())
        }
        return replace(self, modalities=modalities)

    @property
    def is_stored(self) -> bool:
        """True if values are on disk and read on access."""
        return any(modality.stored for modality in self.modalities.values())

    def loaded(self) -> "MultimodalData":
        """Return the data with all values in memory."""
        return replace(self, modalities={name: modality.loaded() for name, modality in self.modalities.items()})

    def checksum(self) -> str:
        """Return a SHA-256 checksum of all observed values, the availability mask, the target and the sample ids."""
        digest = hashlib.sha256()
        for name, modality in self.modalities.items():
            digest.update(name.encode())
            _update(digest, *modality.parts_of_checksum())
            if name in self.categories:
                digest.update(json.dumps(self.categories[name], sort_keys=True).encode())
            if name in self.text:
                digest.update(json.dumps(self.text[name]).encode())
        _update(digest, self.sample_ids.astype(str))
        if self.target is not None:
            classes = self.target.classes
            digest.update(self.target.kind.encode())
            _update(digest, self.target.values, None if classes is None else classes.astype(str), self.target.weights)
            for part in self.target.parts:
                digest.update(f"{part.name} {part.kind}".encode())
                _update(digest, None if part.classes is None else part.classes.astype(str))
        return digest.hexdigest()


def _aligned_availability(samples: Samples, availability: Any) -> Any:
    """Return an availability mask with rows in the order of the samples, and columns by name if it has names."""
    if isinstance(availability, Mapping):
        return {name: samples.aligned(f"availability of {name!r}", mask) for name, mask in availability.items()}
    if not is_frame(availability):
        return samples.aligned("availability", availability)
    frame = Frame.of("availability", availability)
    rows = samples.rows("availability", frame)
    frame = frame if rows is None else frame.take(rows)
    if all(isinstance(name, int) for name in frame.columns):
        return frame.to_array("availability")
    return {name: frame.select([place]).to_array("availability")[:, 0] for place, name in enumerate(frame.names)}


def _plain(name: str, values: Any, text: Sequence[str]) -> Any:
    """Return the values of one modality as an array or list of numbers, or as `MixedColumns`."""
    if isinstance(values, Frame):
        return values.to_numbers(f"modality {name!r}", text)
    return plain_values(f"modality {name!r}", values)


def _packed(inputs: AlignedInputs, name: str, plain: Any, observed: BoolArray, **options: Any) -> Modality:
    """Return one modality with one entry per sample; `options` are those of `Modality.from_values`."""
    values = plain.values if isinstance(plain, MixedColumns) else plain
    if values is None:
        return Modality.nothing(len(observed))
    own = inputs.own_rows(name, observed, len(values))
    own_policy, names = options["nan_rows"], getattr(plain, "names", getattr(inputs[name], "names", None))
    options |= {"nan_rows": "keep" if own_policy == "missing" else own_policy, "names": names}
    # `reindex` copies the values
    modality = Modality.from_values(name, values, observed=own, copy=name not in inputs.rows, **options)
    if own_policy == "missing":
        modality = without_incomplete(name, modality, names)
    return modality.reindex(inputs.rows[name]) if name in inputs.rows else modality


def _shape(modality: Modality) -> str:
    if modality.shape is not None:
        return f"images of {'x'.join(map(str, modality.shape))}"
    if modality.padding is not None:
        return "token ids"
    return f"sequences of {modality.n_features}" if modality.is_sequence else f"{modality.n_features}"


def _update(digest: Any, *arrays: AnyArray | None) -> None:
    for array in arrays:
        if array is not None:
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
