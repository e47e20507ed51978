"""Zero-fill network that hides observed modalities at random in training."""

from typing import Any

METHOD = "zero_fill"
SETTINGS: dict[str, Any] = {"modality_dropout": 0.3}
