"""Weights of TabICL: one checkpoint for classes and one for continuous targets."""

from pathlib import Path
from typing import Any

import torch

SIZES: dict[str, Any] = {
    "embed_dim": 8, "col_num_blocks": 1, "col_nhead": 2, "col_num_inds": 4, "row_num_blocks": 1, "row_nhead": 2,
    "row_num_cls": 2, "icl_num_blocks": 1, "icl_nhead": 2,
}  # fmt: skip
KINDS: dict[str, Any] = {"classifier": {"max_classes": 10}, "regressor": {"max_classes": 0, "num_quantiles": 9}}


def write_sample(folder: Path) -> Path:
    from tabicl._model.tabicl import TabICL

    for kind, sizes in KINDS.items():
        config = {**SIZES, **sizes}
        generator = torch.Generator().manual_seed(0)
        # all entries are random: some layers are initialised with zeros, and the output would then be constant
        state = {
            name: torch.randn(value.shape, generator=generator) * 0.3 if value.is_floating_point() else value
            for name, value in TabICL(**config).state_dict().items()
        }
        torch.save({"config": config, "state_dict": state}, folder / f"tabicl-{kind}.ckpt")
    return folder
