"""Modality dropout: random removal of observed modalities in a training step."""

import torch
from torch import Tensor

__all__ = ["drop_modalities"]


def drop_modalities(availability: Tensor, rate: float) -> Tensor:
    """Return the availability mask with each observed modality removed with probability `rate`.

    Samples with at least one observed modality keep at least one, chosen at random.

    Parameters
    ----------
    availability : bool tensor (n_samples, n_modalities)
    rate : float in [0, 1)
    """
    if rate == 0 or availability.shape[1] == 1:
        return availability
    draw = torch.rand(availability.shape, device=availability.device)
    highest = draw.masked_fill(~availability, -1.0).argmax(dim=1, keepdim=True)
    stays = (draw >= rate).scatter(1, highest, True)
    return availability & stays
