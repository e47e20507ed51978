"""IF-MMIN with the sizes, loss weights and schedule of the authors' script for IEMOCAP.

ZhuoYulang/IF-MMIN, ``scripts/CAP_IFMMIN.sh``. The authors encode audio and video with LSTMs and text with a TextCNN;
here, all modalities have LSTMs.
"""

from typing import Any

METHOD = "if_mmin"
SETTINGS: dict[str, Any] = {
    "encoder": "lstm",
    "latent_dim": 128,
    "head_layers": [128, 128],
    "head_dropout": 0.5,
    "autoencoder_layers": [256, 128, 64],
    "n_autoencoders": 5,
    "imagination_weight": 1.0,
    "invariance_weight": 100.0,
    "modality_dropout": 0.5,
    "max_epochs": 40,
    "max_steps": None,
    "patience": None,
    "batch_size": 128,
    "learning_rate": 2e-4,
    "schedule": "linear",
    "decay_fraction": 0.5,
    "weight_decay": 0.0,
}
