"""Text: TF-IDF of words, reduced by a singular value decomposition that is fitted to the training texts."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from redcore._settings import Settings
from redcore._types import AnyArray
from redcore.exceptions import DataError
from redcore.extract._extractor import Extractor, Features
from redcore.extract._source import Source

__all__ = ["EXTRACTOR", "TfidfOptions"]

VOCABULARY, WEIGHTS, COMPONENTS = "vocabulary", "idf", "components"


class TfidfOptions(Settings):
    """Options of TF-IDF.

    Attributes
    ----------
    n_components : int in [1, 5000], default 100
        Number of components. There are fewer if the training texts allow fewer.
    max_words : int >= 1, default 50000
        Number of the most frequent words, and word sequences, to use.
    ngrams : int in [1, 5], default 1
        Maximum length of word sequences.
    min_texts : int >= 1, default 1
        Number of training texts that must contain a word.
    """

    n_components: Annotated[int, Field(ge=1, le=5000)] = 100
    max_words: Annotated[int, Field(ge=1)] = 50_000
    ngrams: Annotated[int, Field(ge=1, le=5)] = 1
    min_texts: Annotated[int, Field(ge=1)] = 1


class Tfidf(Extractor):
    """Logarithmic term frequencies with inverse document frequencies, projected to the largest singular vectors."""

    media = ("text",)
    packages = ("scikit-learn",)
    imports = ("sklearn.feature_extraction.text",)
    Options = TfidfOptions
    needs_fit = True

    _fitted: tuple[Mapping[str, AnyArray], Any, AnyArray] | None = None
    """Fitted arrays, vectorizer and projection of the last call of `finish`."""

    @property
    def alignment(self) -> str:
        """Relation of the features to time."""
        return "one vector per recording"

    def extract(self, source: Source) -> Features:
        """Return the text in UTF-8 as uint8 (n_bytes, 1)."""
        return Features(np.frombuffer(source.text().encode(), dtype=np.uint8)[:, None])

    def fit(self, items: Iterable[Features]) -> dict[str, AnyArray]:
        """Return the vocabulary, the inverse document frequencies and the singular vectors."""
        from sklearn.decomposition import TruncatedSVD

        vectorizer = self._vectorizer(max_features=self.options.max_words, min_df=self.options.min_texts)
        try:
            table = vectorizer.fit_transform(map(_text, items))
        except ValueError as error:
            # no word in any text, or fewer texts than min_texts
            raise DataError(f"TF-IDF cannot be fitted: {error}") from None
        n_components = min(self.options.n_components, table.shape[0], table.shape[1])
        if n_components < table.shape[1]:
            components = TruncatedSVD(n_components, n_iter=7, random_state=0).fit(table).components_
        else:
            components = np.eye(table.shape[1])
        words = json.dumps(vectorizer.get_feature_names_out().tolist(), ensure_ascii=False)
        return {
            VOCABULARY: np.frombuffer(words.encode(), dtype=np.uint8),
            WEIGHTS: vectorizer.idf_,
            COMPONENTS: np.ascontiguousarray(components, dtype=np.float32),
        }

    def finish(self, fitted: Mapping[str, AnyArray], item: Features) -> Features:
        """Return the components of one text, float32 (n_components,)."""
        if self._fitted is None or self._fitted[0] is not fitted:
            vectorizer = self._vectorizer(vocabulary=json.loads(fitted[VOCABULARY].tobytes()))
            vectorizer.idf_ = fitted[WEIGHTS]
            self._fitted = (fitted, vectorizer, fitted[COMPONENTS].T.astype(np.float64))
        _, vectorizer, components = self._fitted
        return Features((vectorizer.transform([_text(item)]) @ components)[0].astype(np.float32))

    def fitted_names(self, fitted: Mapping[str, AnyArray]) -> tuple[str, ...]:
        """Return the names of the components."""
        return tuple(f"component_{index + 1}" for index in range(len(fitted[COMPONENTS])))

    def _vectorizer(self, **options: Any) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        # the default pattern of scikit-learn drops words of one character
        return TfidfVectorizer(
            sublinear_tf=True, ngram_range=(1, self.options.ngrams), token_pattern=r"(?u)\b\w+\b", **options
        )


def _text(item: Features) -> str:
    return item.values.tobytes().decode()


EXTRACTOR = Tfidf
