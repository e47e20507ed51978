"""MMIN with the sizes, loss weights and schedule of the authors' script for IEMOCAP.

AIM3-RUC/MMIN, ``scripts/CAP_mmin.sh``. The authors encode audio and video with LSTMs and text with a TextCNN; here, all
modalities have LSTMs.
"""

from typing import Any

METHOD = "mmin"
SETTINGS: dict[str, Any] = {
    "encoder": "lstm",
    "latent_dim": 128,
    "head_layers": [128, 128],
    "head_dropout": 0.5,
    "autoencoder_layers": [256, 128, 64],
    "n_autoencoders": 5,
    "transition": True,
    "imagination_weight": 4.0,
    "cycle_weight": 2.0,
    "modality_dropout": 0.5,
    "max_epochs": 60,
    "max_steps": None,
    "patience": None,
    "batch_size": 128,
    "learning_rate": 2e-4,
    "schedule": "linear",
    "decay_fraction": 0.5,
    "weight_decay": 0.0,
}
