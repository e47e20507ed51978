"""MCE with the sizes, loss weights and schedule of the authors' script for IEMOCAP.

byzhaoAI/MCE, ``emotion_recog/IEMOCAP_MCE.sh``. The authors encode audio and video with LSTMs and text with a TextCNN,
and the hidden layer of their fusion has 2048 units; here, all modalities have LSTMs, and it has 256 units.
"""

from typing import Any

from redcore.presets._mmin_code import MMIN_CODE

METHOD = "mce"
SETTINGS: dict[str, Any] = {
    **MMIN_CODE,
    "subset_weight": 2.0,
    "completion_weight": 1.0,
    "unimodal_weight": 1.0,
}
