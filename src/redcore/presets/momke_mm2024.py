"""MoMKE with the sizes and schedule of the authors' script for IEMOCAP with four classes.

wxxv/MoMKE, ``run_MoMKE_iemocap4.sh``. The experts of the authors are Transformers with four blocks on frames; here,
sequences are encoded by Transformers with four blocks, and experts are MLPs on codes.
"""

from typing import Any

METHOD = "momke"
SETTINGS: dict[str, Any] = {
    "encoder_layers": 4,
    "encoder_heads": 2,
    "encoder_dropout": 0.5,
    "attention_dropout": 0.0,
    "encoder_max_steps": None,
    "latent_dim": 256,
    "head_dropout": 0.5,
    "weight_averaging": 0.0,
    "patience": 20,
    "max_epochs": 200,
    "max_steps": None,
    "batch_size": 16,
    "learning_rate": 1e-4,
    "schedule": "constant",
    "weight_decay": 0.0,
}
