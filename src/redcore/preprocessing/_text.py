"""Encoding of free text: TF-IDF weights of words, reduced by a truncated SVD."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from redcore._types import AnyArray
from redcore.data import Modality, ModalitySchema, MultimodalData

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["TextEncoder", "Texts"]

SAMPLE_TEXTS = 20_000
"""Largest number of training texts, spread evenly over the data, from which words and components are computed."""
MIN_TEXTS, MAX_WORDS = 2, 20_000
"""A word must occur in at least `MIN_TEXTS` texts; the `MAX_WORDS` most frequent words are used."""
N_COMPONENTS = 64


class TextEncoder:
    """Conversion of one column of free text to numbers.

    The first number is ``log(1 + n)`` for n different known words. The others are the TF-IDF weights of the words, with
    logarithmic counts and L2 norm, if there are at most 64 words. Otherwise they are the projections of these weights
    on the 64 leading right singular vectors of the training texts. All numbers are 0 for a missing text.

    Parameters
    ----------
    arrays : mapping of str to array
        ``words``: known words in UTF-8, separated by line breaks, uint8. ``weights``: inverse document frequency of
        each word, (n_words,). ``components``: (n_words, n_components), if there are more than 64 words.
    """

    def __init__(self, arrays: Mapping[str, AnyArray]) -> None:
        self.arrays = dict(arrays)
        self.words = bytes(arrays["words"]).decode().split("\n") if len(arrays["words"]) else []

    @classmethod
    def fit(cls, texts: Sequence[str]) -> "TextEncoder":
        """Learn words, weights and components from training texts."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

        try:
            counter = CountVectorizer(min_df=MIN_TEXTS, max_features=MAX_WORDS)
            counts = counter.fit_transform(texts)
        except ValueError:  # no word occurs often enough
            return cls({"words": np.zeros(0, dtype=np.uint8), "weights": np.zeros(0)})
        words = counter.get_feature_names_out().tolist()
        encoder = cls(
            {
                "words": np.frombuffer("\n".join(words).encode(), dtype=np.uint8).copy(),
                "weights": TfidfTransformer().fit(counts).idf_,
            }
        )
        if len(words) > N_COMPONENTS:
            reduction = TruncatedSVD(N_COMPONENTS, random_state=0).fit(encoder._weighted(counts))
            encoder.arrays["components"] = reduction.components_.T.astype(np.float32)
        return encoder

    @property
    def names(self) -> list[str]:
        """Names of the numbers."""
        components = self.arrays.get("components")
        others = self.words if components is None else [f"component {k + 1}" for k in range(components.shape[1])]
        return ["number of words", *others]

    def encode(self, texts: Sequence[str]) -> AnyArray:
        """Return the numbers of every text, float32 (n_texts, n_numbers)."""
        from sklearn.feature_extraction.text import CountVectorizer

        result = np.zeros((len(texts), len(self.names)), dtype=np.float32)
        if self.words and len(texts):
            counts = CountVectorizer(vocabulary=self.words).transform(texts)
            weighted = self._weighted(counts)
            components = self.arrays.get("components")
            result[:, 0] = np.log1p(np.diff(counts.indptr))
            result[:, 1:] = weighted.toarray() if components is None else weighted @ components
        return result

    def _weighted(self, counts: Any) -> "csr_array":
        """Return the TF-IDF weights of counts of words, sparse (n_texts, n_words), each row with norm 1 or 0."""
        from sklearn.preprocessing import normalize

        weighted = counts.astype(np.float32)
        weighted.data = (1 + np.log(weighted.data)) * self.arrays["weights"][weighted.indices].astype(np.float32)
        return normalize(weighted, copy=False)


class Texts:
    """Encoders of the columns of free text of all modalities, fitted to the training samples.

    The result has the other columns of a modality first, in their order, then the numbers of each column of text.

    Parameters
    ----------
    encoders : mapping of str to mapping of int to TextEncoder
        By modality and column, for the modalities with columns of free text.
    features : mapping of str to tuple of str
        Names of the columns of these modalities.
    """

    def __init__(
        self, encoders: Mapping[str, Mapping[int, TextEncoder]], features: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.encoders, self.features = encoders, features

    @classmethod
    def fit(cls, data: MultimodalData) -> "Texts":
        """Fit an encoder to every column of free text."""
        encoders: dict[str, dict[int, TextEncoder]] = {}
        for name, text in data.text.items():
            modality = data.modalities[name]
            observed = np.flatnonzero(modality.availability)
            rows = modality.take(observed[:: max(1, -(-len(observed) // SAMPLE_TEXTS))]).loaded().values
            columns = sorted(data.feature_names[name].index(feature) for feature in text)
            encoders[name] = {
                column: TextEncoder.fit(_texts(rows[:, column], _entries(data, name, column))) for column in columns
            }
        return cls(encoders, {name: data.feature_names[name] for name in encoders})

    def __bool__(self) -> bool:
        return bool(self.encoders)

    def transform(self, data: MultimodalData) -> MultimodalData:
        """Replace the columns of free text by numbers; stored values are converted when they are read."""
        if not self.encoders:
            return data
        modalities = dict(data.modalities)
        categories = dict(data.categories)
        names = {**data.feature_names}
        for name in self.encoders.keys() & modalities.keys():
            names[name] = self.feature_names(name)
            entries = {column: _entries(data, name, column) for column in self.encoders[name] if name in categories}
            modalities[name] = modalities[name].converted(partial(self._convert, name, entries), len(names[name]))
            own = categories.pop(name, {})
            kept = {feature: known for feature, known in own.items() if feature in names[name]}
            categories |= {name: kept} if kept else {}
        return replace(data, modalities=modalities, feature_names=names, categories=categories, text={})

    def _convert(self, name: str, entries: Mapping[int, Sequence[str]], modality: Modality) -> Modality:
        columns = list(self.encoders[name])
        parts = [np.delete(modality.values, columns, axis=1)]
        for column, encoder in self.encoders[name].items():
            codes, inverse = np.unique(np.nan_to_num(modality.values[:, column], nan=-1), return_inverse=True)
            parts.append(encoder.encode(_texts(codes, entries[column]))[inverse])
        return Modality(np.concatenate(parts, axis=1), modality.position)

    def feature_names(self, name: str) -> tuple[str, ...]:
        """Return the names of the columns of a modality with text after the conversion."""
        own = self.encoders[name]
        others = [feature for column, feature in enumerate(self.features[name]) if column not in own]
        encoded = [f"{self.features[name][column]}: {word}" for column in own for word in own[column].names]
        return (*others, *encoded)

    def schema(self, modality: ModalitySchema) -> ModalitySchema:
        """Return the schema of a modality after the conversion."""
        if modality.name not in self.encoders:
            return modality
        names = self.feature_names(modality.name)
        return replace(modality, n_features=len(names), feature_names=names, text=None)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the fitted arrays by name, ``<array>/<column>/<modality>``."""
        return {
            f"{key}/{column}/{name}": array
            for name, own in self.encoders.items()
            for column, encoder in own.items()
            for key, array in encoder.arrays.items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], features: Mapping[str, tuple[str, ...]]) -> "Texts":
        """Restore the encoders from the result of `to_arrays`; `features` are the names of the columns by modality."""
        parts: dict[str, dict[int, dict[str, AnyArray]]] = {}
        for path, array in arrays.items():
            key, column, name = path.split("/", 2)
            parts.setdefault(name, {}).setdefault(int(column), {})[key] = array
        encoders = {
            name: {column: TextEncoder(own[column]) for column in sorted(own)} for name, own in sorted(parts.items())
        }
        return cls(encoders, {name: features[name] for name in encoders})


def _entries(data: MultimodalData, name: str, column: int) -> tuple[str, ...]:
    """Return the different texts of a column, of which its values are codes."""
    return data.categories[name][data.feature_names[name][column]]


def _texts(codes: AnyArray, entries: Sequence[str]) -> list[str]:
    """Return the text of every code; a missing text is empty."""
    return [entries[int(code)] if 0 <= code < len(entries) else "" for code in codes.tolist()]
