"""Weights of TabPFN, version 2: one checkpoint for classes and one for continuous targets."""

from dataclasses import asdict
from pathlib import Path

import torch

KINDS = {"classifier": {"max_num_classes": 10}, "regressor": {"max_num_classes": 0, "num_buckets": 20}}


def write_sample(folder: Path) -> Path:
    from tabpfn.architectures.shared.bar_distribution import FullSupportBarDistribution
    from tabpfn.architectures.tabpfn_v2 import TabPFNV2Config, get_architecture

    for kind, sizes in KINDS.items():
        config = TabPFNV2Config(emsize=8, nlayers=1, nhead=2, **sizes)
        generator = torch.Generator().manual_seed(0)
        state = {
            name: torch.randn(value.shape, generator=generator) * 0.3 if value.is_floating_point() else value
            for name, value in get_architecture(config).state_dict().items()
        }
        if kind == "regressor":
            criterion = FullSupportBarDistribution(torch.linspace(-4, 4, 21)).state_dict()
            state |= {f"criterion.{name}": value for name, value in criterion.items()}
        torch.save({"config": asdict(config), "state_dict": state}, folder / f"tabpfn-v2-{kind}.ckpt")
    return folder
