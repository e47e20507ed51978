"""Loading of pretrained models of the package transformers from a folder: safetensors only, no code of the model."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redcore.exceptions import SettingsError

__all__ = ["check_folder", "folder_sha256", "load_model", "load_processor", "sentence_pooling", "single_thread"]

UNUSED = ("pooler.", "masked_spec_embed", "classifier.")
"""Beginnings of the names of parameters that the last hidden state does not depend on."""
OFFLINE = {"local_files_only": True, "trust_remote_code": False}


def check_folder(path: str | None) -> Path:
    """Return the folder of a model.

    Raises
    ------
    SettingsError
        If it does not exist, has no ``config.json``, no weights in safetensors, or needs code of its own.
    """
    if path is None:
        raise SettingsError("path is not set, expected the folder of a model; nothing is downloaded")
    folder = Path(path)
    if not folder.is_dir():
        raise SettingsError(f"path {path!r} is not a folder, expected the folder of a model; nothing is downloaded")
    config = folder / "config.json"
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{config}: not a readable model configuration ({error})") from None
    if not isinstance(content, dict) or "auto_map" in content:
        raise SettingsError(f"{config}: the model needs its own code (auto_map), which is never run")
    if not list(folder.glob("*.safetensors")):
        raise SettingsError(f"{folder}: no file *.safetensors; weights in other formats can contain code")
    return folder


def folder_sha256(folder: Path) -> str:
    """Return the SHA-256 of the names and contents of the model files of a folder."""
    digest = hashlib.sha256()
    for file in sorted(
        path for pattern in ("*.safetensors", "*.json", "*.txt", "*.model") for path in folder.glob(pattern)
    ):
        with file.open("rb") as stream:
            digest.update(f"{file.name}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def load_model(folder: Path, device: str) -> Any:
    """Return the model in evaluation mode, in single precision.

    Raises
    ------
    SettingsError
        If the folder is no model of transformers, or if the weights are incomplete.
    """
    import torch
    from transformers import AutoModel

    with _quiet():
        try:
            model, info = AutoModel.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **OFFLINE
            )
        except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
            raise SettingsError(f"{folder}: not a readable model ({_first_line(error)})") from None
    absent = sorted(key for key in info["missing_keys"] if not key.startswith(UNUSED))
    if absent or info["mismatched_keys"]:
        names = ", ".join(absent[:3]) or str(info["mismatched_keys"])[:200]
        raise SettingsError(f"{folder}: the weights do not fit the configuration; absent or of another shape: {names}")
    try:
        return model.eval().to(device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"device {device!r}: {_first_line(error)}") from None


def load_processor(folder: Path, kind: str) -> Any:
    """Return a processor of transformers, such as ``AutoTokenizer``.

    Raises
    ------
    SettingsError
        If the folder has no such processor.
    """
    import transformers

    with _quiet():
        try:
            return getattr(transformers, kind).from_pretrained(folder, **OFFLINE)
        except (OSError, ValueError, RuntimeError, KeyError, ImportError, TypeError) as error:
            raise SettingsError(f"{folder}: no readable {kind.removeprefix('Auto')} ({_first_line(error)})") from None


def sentence_pooling(folder: Path) -> tuple[str | None, bool]:
    """Return the pooling and the normalisation of a model of sentence-transformers; (None, False) for other models.

    Raises
    ------
    SettingsError
        If the model has steps other than mean or first-token pooling and normalisation.
    """
    file = folder / "modules.json"
    if not file.is_file():
        return None, False
    pooling, normalise = None, False
    try:
        for module in json.loads(file.read_text(encoding="utf-8")):
            kind = module["type"].rpartition(".")[2]
            if kind == "Pooling":
                config = json.loads((folder / module["path"] / "config.json").read_text(encoding="utf-8"))
                modes = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
                pooling = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "first"}.get("".join(modes))
                if pooling is None:
                    raise SettingsError(
                        f"{file}: pooling {', '.join(modes) or 'unknown'}, expected mean or first token"
                    )
            elif kind == "Normalize":
                normalise = True
            elif kind != "Transformer":
                raise SettingsError(
                    f"{file}: step {kind!r} is not supported, expected Transformer, Pooling or Normalize"
                )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(f"{file}: not a readable list of steps ({_first_line(error)})") from None
    return pooling, normalise


@contextmanager
def single_thread() -> Iterator[None]:
    """Run torch without gradients and on one thread, so that results do not depend on the number of threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence progress bars and messages of transformers; incomplete weights are errors anyway."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
