"""MCE with the sizes, loss weights and schedule of the authors' script for IEMOCAP.

byzhaoAI/MCE, ``emotion_recog/IEMOCAP_MCE.sh``. The authors encode audio and video with LSTMs and text with a TextCNN,
and the hidden layer of their fusion has 2048 units; here, all modalities have LSTMs, and it has 256 units.
"""

from typing import Any

METHOD = "mce"
SETTINGS: dict[str, Any] = {
    "encoder": "lstm",
    "latent_dim": 128,
    "head_layers": [128, 128],
    "head_dropout": 0.5,
    "subset_weight": 2.0,
    "completion_weight": 1.0,
    "unimodal_weight": 1.0,
    "max_epochs": 60,
    "max_steps": None,
    "patience": None,
    "batch_size": 128,
    "learning_rate": 2e-4,
    "schedule": "linear",
    "decay_fraction": 0.5,
    "weight_decay": 0.0,
}
