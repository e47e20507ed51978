"""IF-MMIN with the sizes, loss weights and schedule of the authors' script for IEMOCAP.

ZhuoYulang/IF-MMIN, ``scripts/CAP_IFMMIN.sh``. The authors encode audio and video with LSTMs and text with a TextCNN;
here, all modalities have LSTMs.
"""

from typing import Any

from redcore.presets._mmin_code import MMIN_CODE

METHOD = "if_mmin"
SETTINGS: dict[str, Any] = {
    **MMIN_CODE,
    "autoencoder_layers": [256, 128, 64],
    "n_autoencoders": 5,
    "imagination_weight": 1.0,
    "invariance_weight": 100.0,
    "modality_dropout": 0.5,
    "max_epochs": 40,
}
