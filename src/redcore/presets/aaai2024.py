"""RedCore as published: the reference architecture, losses and update rules.

Sizes are those for IEMOCAP and MSP-IMPROV. Different by design: nothing missing is ever read, the epoch is
chosen on validation data, predictions carry no noise, and features are standardised.
"""

from typing import Any

METHOD = "redcore_released"
SETTINGS: dict[str, Any] = {
    "encoder": "transformer",
    "encoder_layers": 3,
    "encoder_heads": 8,
    "encoder_hidden_ratio": 4,
    "encoder_max_steps": None,
    "encoder_activation": "sigmoid",
    "attention_dropout": 0.2,
    "encoder_dropout": 0.1,
    "positional_encoding": False,
    "latent_dim": 128,
    "imputer": "concatenate",
    "imputer_layers": [256, 128, 64],
    "imputer_blocks": 5,
    "missing_code": "encoded_zeros",
    "head_layers": [128, 128],
    "head_dropout": 0.5,
    "modality_dropout": 0.0,
    "bottleneck_init": "random",
    "kl_weight": 0.0008,
    "imputation_weight": 0.15,
    "unimodal_weight": 1.0,
    "supervise_imputed": True,
    "detach_imputation_target": False,
    "validation_patterns": 1,
    "balancing": "relative_advantage",
    "weight_norm": "l2",
    "smoothing": 0.7,
    "weight_interval": 3,
    "weight_step": 0.1,
    "weight_step_growth": 1.5,
    "weight_step_growth_interval": 500,
    "weight_step_max": None,
    "weight_floor": 0.1,
    "preprocessing": "standardize",
    "keep_empty_samples": True,
    "selection": "score",
    "weight_averaging": 0.0,
    "patience": None,
    "max_epochs": 60,
    "max_steps": None,
    "batch_size": 128,
    "learning_rate": 2e-4,
    "schedule": "linear",
    "decay_fraction": 0.5,
    "weight_decay": 0.0,
    "gradient_clip": 1.0,
    "clip_scope": "subnetwork",
}
