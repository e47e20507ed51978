"""M3Care: codes of missing modalities from similar training samples, adaptive mixing and attention-based fusion."""

from typing import Annotated, ClassVar, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from redcore._settings import Search
from redcore.fitting import TrainableNetwork
from redcore.methods._base import FusionSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, drop_modalities

__all__ = ["METHOD", "M3Care", "M3CareNetwork", "M3CareSettings", "NeighbourBank"]

SOURCE = (
    "Zhang et al. (2022), M3Care: learning with missing modalities in multimodal healthcare data, KDD, arXiv "
    "2210.17292; from the paper. Differences: the neighbours of the paper are the other samples of the batch, so that "
    "predictions depend on the batch; here, they also come from a bank of training samples, and at prediction from the "
    "bank only. One aggregation step replaces two graph layers. The kernel is computed on normalised features, so that "
    "no loss is needed for their scale"
)


class M3CareSettings(FusionSettings):
    """Hyperparameters of M3Care in addition to those of `FusionSettings`.

    Attributes
    ----------
    bank_size : int >= 1, default 512
        Number of training samples in the bank of neighbours. It is at most half of the training samples, so that a
        sample rarely finds its own code of the previous epoch.
    """

    SEARCH: ClassVar[dict[str, Search]] = {"bank_size": Search(64, 1024, log=True, whole=True)}

    bank_size: Annotated[int, Field(ge=1)] = 512


class NeighbourBank(nn.Module):
    """First-in, first-out queue with the codes of the most recent training samples.

    The queue is stored in buffers, so that it is saved and restored together with the weights of an epoch.

    Parameters
    ----------
    size, n_modalities, width : int
    """

    codes: Tensor
    observed: Tensor

    def __init__(self, size: int, n_modalities: int, width: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(size, n_modalities, width))
        # unused entries observe no modality, so they have no similarity to any sample
        self.register_buffer("observed", torch.zeros(size, n_modalities, dtype=torch.bool))

    def forward(self, codes: Tensor, observed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the pool of candidate neighbours that all samples of a batch share.

        In evaluation mode, the pool is the queue of the latest training samples. In training mode, it also contains the
        batch, which is then appended to the queue.

        Parameters
        ----------
        codes : tensor (B, M, d)
        observed : bool tensor (B, M)

        Returns
        -------
        codes : tensor (K, M, d)
            Latent codes of the candidates.
        observed : bool tensor (K, M)
            Availability mask of the candidates.
        readable : bool tensor (B, K)
            False where candidate k is sample b itself.
        """
        n_samples, size = codes.shape[0], len(self.codes)
        if not self.training:
            return self.codes, self.observed, observed.new_ones((n_samples, size))
        all_codes = torch.cat([self.codes, codes.float()])
        all_observed = torch.cat([self.observed, observed])
        self.codes, self.observed = all_codes[-size:].detach(), all_observed[-size:]
        others = ~torch.eye(n_samples, dtype=torch.bool, device=codes.device)
        return all_codes, all_observed, torch.cat([observed.new_ones((n_samples, size)), others], dim=1)


class Aggregation(nn.Module):
    """Similarity-weighted mean of the codes of neighbours for each modality.

    The similarity of two samples is the mean of a Gaussian kernel over the modalities that both observe, computed on
    linear projections of the codes. Similarities below a learned threshold are set to 0.

    Parameters
    ----------
    n_modalities, width : int
    """

    def __init__(self, n_modalities: int, width: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.project = nn.Parameter(torch.empty(n_modalities, width, width).uniform_(-bound, bound))
        self.log_precision = nn.Parameter(torch.full((n_modalities,), 1.0))
        self.threshold = nn.Parameter(torch.tensor(-2.0))

    def similarity(self, codes: Tensor, kept: Tensor, others: Tensor, observed: Tensor) -> Tensor:
        """Return similarities in [0, 1], (B, K); 0 for pairs without a common observed modality."""
        features = functional.normalize(torch.einsum("bmd,mde->bme", codes, self.project), dim=2)
        other_features = functional.normalize(torch.einsum("kmd,mde->kme", others, self.project), dim=2)
        # the squared distance of unit vectors is 2 - 2 cosine
        cosine = torch.einsum("bmd,kmd->bkm", features, other_features)
        kernel = ((cosine - 1) * self.log_precision.exp()).exp()
        common = (kept[:, None] & observed[None]).to(kernel.dtype)
        mean = (kernel * common).sum(dim=2) / common.sum(dim=2).clamp(min=1)
        return (mean - self.threshold.sigmoid()).relu()

    def forward(self, codes: Tensor, kept: Tensor, others: Tensor, observed: Tensor, readable: Tensor) -> Tensor:
        """Return the weighted mean code of the neighbours that observe each modality, (B, M, d); 0 without any."""
        weights = self.similarity(codes, kept, others, observed) * readable
        total = weights @ observed.to(weights.dtype)
        summed = torch.einsum("bk,kmd->bmd", weights, others * observed[..., None])
        return summed / total.clamp(min=1e-6)[..., None]


class M3CareOutput(NamedTuple):
    """Logits (B, n_outputs) and fused codes (B, M * d)."""

    logits: Tensor
    representation: Tensor


class M3CareNetwork(TrainableNetwork):
    """Network of M3Care: encoders, aggregation over the bank, adaptive mixing, attention-based fusion and a head."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: M3CareSettings, n_samples: int) -> None:
        super().__init__()
        width, n_modalities = settings.latent_dim, len(forms)
        self.modality_dropout = settings.modality_dropout
        self.encoders = settings.build_encoders(forms)
        self.bank = NeighbourBank(max(1, min(settings.bank_size, n_samples // 2)), n_modalities, width)
        self.aggregate = Aggregation(n_modalities, width)
        self.transform = nn.Linear(width, width)
        self.trust_own, self.trust_others = nn.Linear(width, 1), nn.Linear(width, 1)
        self.fuse = settings.build_fusion(n_modalities)
        self.head = Head(n_modalities * width, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> M3CareOutput:
        """Return the output for a batch. In training mode, the batch is appended to the bank."""
        kept = drop_modalities(batch.availability, self.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        neighbours = self.bank(codes, batch.availability)
        aggregated = self.transform(self.aggregate(codes, kept, *neighbours))
        completed = self._mix(codes, aggregated, kept)
        representation = self.fuse(completed).flatten(1)
        return M3CareOutput(self.head(representation), representation)

    def _mix(self, codes: Tensor, aggregated: Tensor, kept: Tensor) -> Tensor:
        """Return the adaptive mean of own and aggregated codes; for missing modalities, the aggregated code."""
        own, others = self.trust_own(codes).sigmoid() * kept[..., None], self.trust_others(aggregated).sigmoid()
        share = own / (own + others).clamp(min=1e-6)
        mixed: Tensor = share * codes + (1 - share) * aggregated
        return mixed


class M3Care(NetworkMethod):
    """M3Care (Zhang et al., 2022)."""

    Settings: ClassVar[type[MethodSettings]] = M3CareSettings

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `NetworkMethod.build_network`."""
        return M3CareNetwork(forms, n_outputs, cast(M3CareSettings, self.settings), n_samples)


METHOD = M3Care
