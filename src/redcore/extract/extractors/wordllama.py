"""Text: mean of the static token embeddings of WordLlama, whose weights are part of the package."""

import hashlib
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from redcore._settings import Settings
from redcore.extract._extractor import Extractor, Features
from redcore.extract._source import Source

__all__ = ["EXTRACTOR", "WordLlamaOptions"]

WEIGHTS = "weights/l2_supercat_256.safetensors"


class WordLlamaOptions(Settings):
    """Options of WordLlama.

    Attributes
    ----------
    size : {64, 128, 256}, default 256
        Number of features.
    """

    size: Literal["64", "128", "256"] = "256"


class WordLlamaEmbedding(Extractor):
    """Static embeddings of 32,000 tokens (model l2_supercat), averaged over a text."""

    media = ("text",)
    packages = ("wordllama",)
    Options = WordLlamaOptions

    @property
    def alignment(self) -> str:
        """Relation of the features to time."""
        return "one vector per recording"

    @property
    def model_sha256(self) -> str:
        """Checksum of the weights."""
        with (_package() / WEIGHTS).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @cached_property
    def _model(self) -> Any:
        from wordllama import WordLlama

        size = int(self.options.size)
        # the package as its cache folder, since some versions look for their tokenizer in the cache only
        return WordLlama.load(trunc_dim=size, cache_dir=_package(), disable_download=True)

    def prepare(self) -> None:
        """Load the model."""
        _ = self._model

    def extract(self, source: Source) -> Features:
        """Return the embedding of a text, float32 (size,)."""
        return Features(self._model.embed([source.text()])[0])


def _package() -> Path:
    spec = find_spec("wordllama")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


EXTRACTOR = WordLlamaEmbedding
