"""Audio, text, image or video: last hidden state of a pretrained model of transformers in a folder."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from redcore._types import AnyArray
from redcore.exceptions import SettingsError
from redcore.extract._av import read_audio
from redcore.extract._extractor import Extractor, Features
from redcore.extract._images import pictures
from redcore.extract._pictures import PictureOptions
from redcore.extract._pretrained import (
    check_folder,
    folder_sha256,
    load_model,
    load_processor,
    sentence_pooling,
    single_thread,
)
from redcore.extract._source import Source

__all__ = ["EXTRACTOR", "PretrainedOptions"]

PROCESSORS = {
    "audio": "AutoFeatureExtractor",
    "text": "AutoTokenizer",
    "image": "AutoImageProcessor",
    "video": "AutoImageProcessor",
}
DEFAULT_TOKENS = 512
"""Tokens of a chunk if the model states no maximum."""


class PretrainedOptions(PictureOptions):
    """Options of pretrained models, in addition to those of pictures (`fps` and `faces`).

    Attributes
    ----------
    path : str
        Folder with ``config.json``, ``*.safetensors`` and the files of the tokenizer or preprocessor.
    pooling : {"auto", "mean", "first", "sequence"}, default "auto"
        "mean": mean over time or tokens. "first": first token. "sequence": none. "auto": the pooling of a model of
        sentence-transformers, otherwise "mean".
    chunk_seconds : float in [1, 600], default 30
        Longer recordings are encoded in chunks of this duration.
    device : str, default "cpu"
        Device of torch, such as "cuda".
    """

    path: str | None = None
    pooling: Literal["auto", "mean", "first", "sequence"] = "auto"
    chunk_seconds: Annotated[float, Field(ge=1, le=600)] = 30.0
    device: str = "cpu"


class Pretrained(Extractor):
    """Pretrained model, such as wav2vec 2.0, HuBERT, WavLM, BERT, a sentence-transformers model or a ViT.

    Long texts and recordings are encoded in chunks; nothing is truncated. A video is a sequence of pooled frames.
    """

    media = ("audio", "image", "text", "video")
    packages = ("transformers", "torch")
    imports = ("PIL.Image", "av")
    extra = "transformers"
    Options = PretrainedOptions

    def __init__(self, medium: str, options: PretrainedOptions) -> None:
        super().__init__(medium, options)
        self.folder = check_folder(options.path)
        pooling, self.normalise = sentence_pooling(self.folder)
        self.pooling = (pooling or "mean") if options.pooling == "auto" else options.pooling
        if medium == "video" and self.pooling == "sequence":
            raise SettingsError(
                "pooling=sequence: expected mean or first for video, whose sequence is that of the frames"
            )

    @cached_property
    def model_sha256(self) -> str:
        """Checksum of the files of the model."""
        return folder_sha256(self.folder)

    @cached_property
    def _model(self) -> Any:
        return load_model(self.folder, self.options.device)

    @cached_property
    def _processor(self) -> Any:
        return load_processor(self.folder, PROCESSORS[self.medium])

    @property
    def sampling_rate(self) -> float | None:
        """Sampling rate of the model for audio, frames per second for video."""
        if self.medium == "audio":
            return float(self._processor.sampling_rate)
        return float(self.options.fps) if self.medium == "video" else None

    @property
    def alignment(self) -> str:
        """Relation of the features to time."""
        if self.medium == "video":
            return "one vector per frame"
        if self.pooling != "sequence":
            return "one vector per recording"
        return {"audio": "one vector per step of the model", "text": "one vector per token"}.get(
            self.medium, "one vector per patch"
        )

    def prepare(self) -> None:
        """Load the model."""
        super().prepare()
        _ = self._model, self._processor

    def extract(self, source: Source) -> Features:
        """Return a vector, or a sequence for videos and for pooling=sequence; float32."""
        with single_thread():
            if self.medium in ("image", "video"):
                frames = [
                    self._pooled([self._state(self._processor(images=picture, return_tensors="pt"))])
                    for picture in pictures(source, self.medium, self.options.fps, self.options.faces)
                ]
                return Features(np.stack(frames) if self.medium == "video" else frames[0])
            chunks = self._text_chunks(source) if self.medium == "text" else self._audio_chunks(source)
            return Features(self._pooled([self._state(chunk) for chunk in chunks]))

    def _audio_chunks(self, source: Source) -> Iterator[Any]:
        rate = int(self._processor.sampling_rate)
        samples, size = read_audio(source, rate), round(self.options.chunk_seconds * rate)
        # a short last chunk belongs to the chunk before, since models need a minimum duration
        n_chunks = max(1, len(samples) // size)
        for chunk in np.split(samples, [size * (index + 1) for index in range(n_chunks - 1)]):
            yield self._processor(chunk, sampling_rate=rate, return_tensors="pt")

    def _text_chunks(self, source: Source) -> Iterator[Any]:
        import torch

        encoded = self._processor(
            source.text(), truncation=True, max_length=self._max_tokens(), return_overflowing_tokens=True
        )
        for ids, mask in zip(encoded["input_ids"], encoded["attention_mask"], strict=True):
            yield {"input_ids": torch.tensor([ids]), "attention_mask": torch.tensor([mask])}

    def _max_tokens(self) -> int:
        config = self._model.config
        positions = getattr(config, "max_position_embeddings", DEFAULT_TOKENS)
        # models of the RoBERTa family number their positions from the padding index
        offset = config.pad_token_id + 1 if "roberta" in config.model_type else 0
        return int(min(self._processor.model_max_length, positions - offset, DEFAULT_TOKENS))

    def _state(self, inputs: Any) -> AnyArray:
        """Return the last hidden state of one chunk or picture, (n_steps, width)."""
        inputs = {name: tensor.to(self.options.device) for name, tensor in inputs.items()}
        state: AnyArray = self._model(**inputs).last_hidden_state[0].float().cpu().numpy()
        # convolutional networks return (n_features, height, width)
        return state if state.ndim == 2 else state.reshape(len(state), -1).T

    def _pooled(self, states: list[AnyArray]) -> AnyArray:
        steps = np.concatenate(states)
        if self.pooling == "sequence":
            return steps
        first = [state[0] for state in states]
        vector: AnyArray = np.mean(first if self.pooling == "first" else steps, axis=0)
        return vector / max(float(np.linalg.norm(vector)), 1e-12) if self.normalise else vector


EXTRACTOR = Pretrained
