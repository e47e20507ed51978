"""MMIN with the sizes, loss weights and schedule of the authors' script for IEMOCAP.

AIM3-RUC/MMIN, ``scripts/CAP_mmin.sh``. The authors encode audio and video with LSTMs and text with a TextCNN; here, all
modalities have LSTMs.
"""

from typing import Any

from redcore.presets._mmin_code import MMIN_CODE

METHOD = "mmin"
SETTINGS: dict[str, Any] = {
    **MMIN_CODE,
    "autoencoder_layers": [256, 128, 64],
    "n_autoencoders": 5,
    "transition": True,
    "imagination_weight": 4.0,
    "cycle_weight": 2.0,
    "modality_dropout": 0.5,
}
