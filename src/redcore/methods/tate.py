"""TATE: tags of the missing modalities assist a Transformer over pairwise common features of the modalities."""

from itertools import combinations
from typing import Annotated, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from redcore._settings import Search
from redcore.fitting import TrainableNetwork
from redcore.methods._base import FusionSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, Objective, drop_modalities

__all__ = ["METHOD", "TATE", "CommonFeatures", "TATENetwork", "TATESettings"]

SOURCE = (
    "Zeng, Liu, Zhou (2022), Tag-assisted multimodal sentiment analysis under uncertain missing modalities, SIGIR, "
    "arXiv 2204.13707; from the paper and the published code (JaydenZeng/TATE). Differences: the paper has one token "
    "per time step and four tag digits for three modalities; here, each modality has one token, and a tag has one "
    "digit per modality and one for complete samples, for any number of modalities; a linear layer maps tokens with "
    "tags to the width of the Transformer; the outputs of a network pretrained on complete data are replaced by those "
    "of the same network before modality dropout; a linear layer predicts the tags"
)


class TATESettings(FusionSettings):
    """Hyperparameters of TATE in addition to those of `FusionSettings`.

    Attributes
    ----------
    teacher_weight : float >= 0, default 0.1
        Weight of the divergence of the encoded tokens from those without modality dropout.
    decoding_weight : float >= 0, default 0.1
        Weight of the divergence of the decoded tokens from the input tokens.
    tag_weight : float >= 0, default 0.1
        Weight of the mean absolute error of predicted tags.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "teacher_weight": Search(0.01, 1.0, log=True),
        "decoding_weight": Search(0.01, 1.0, log=True),
        "tag_weight": Search(0.01, 1.0, log=True),
    }

    teacher_weight: Annotated[float, Field(ge=0)] = 0.1
    decoding_weight: Annotated[float, Field(ge=0)] = 0.1
    tag_weight: Annotated[float, Field(ge=0)] = 0.1


class CommonFeatures(nn.Module):
    """Projections of each code to the common spaces of all pairs that contain its modality, side by side.

    The two modalities of a pair share one projection matrix.

    Parameters
    ----------
    n_modalities, width : int
    """

    pairs: Tensor

    def __init__(self, n_modalities: int, width: int) -> None:
        super().__init__()
        common = max(1, width // max(1, n_modalities - 1))
        # a single modality has its own projection
        pairs = list(combinations(range(n_modalities), 2)) or [(0, 0)]
        numbers = {pair: number for number, pair in enumerate(pairs)}
        others = [[k for k in range(n_modalities) if k != m] or [m] for m in range(n_modalities)]
        index = [[numbers[min(m, k), max(m, k)] for k in others[m]] for m in range(n_modalities)]
        self.register_buffer("pairs", torch.tensor(index), persistent=False)
        self.projections = nn.Parameter(torch.randn(len(pairs), width, common) * width**-0.5)
        self.width = common * len(index[0])

    def forward(self, codes: Tensor) -> Tensor:
        """Map codes (n, n_modalities, width) to common features (n, n_modalities, self.width)."""
        return torch.einsum("nmd,mkdc->nmkc", codes, self.projections[self.pairs]).flatten(2)


class TATEOutput(NamedTuple):
    """Output of `TATENetwork` for a batch of B samples with M modalities.

    In evaluation mode, `teacher` and `decoded` are the encoded tokens.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, d)
        Attention-weighted mean of the encoded tokens.
    tokens, encoded, teacher, decoded : tensor (B, M, d)
        Input tokens, encoded tokens, encoded tokens without modality dropout, and decoded tokens.
    tags, predicted_tags : tensor (B, M + 1)
        Tags, and their predictions in [0, 1].
    """

    logits: Tensor
    representation: Tensor
    tokens: Tensor
    encoded: Tensor
    teacher: Tensor
    decoded: Tensor
    tags: Tensor
    predicted_tags: Tensor


class TATENetwork(TrainableNetwork):
    """Network of TATE: encoders, common features with tags, Transformer encoder and decoder, pooling, and a head."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: TATESettings) -> None:
        super().__init__()
        width, n_modalities = settings.latent_dim, len(forms)
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        self.common = CommonFeatures(n_modalities, width)
        self.embed = nn.Linear(self.common.width + n_modalities + 1, width)
        self.encode, self.decode = _block(settings), _block(settings)
        self.attend = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        self.predict_tags = nn.Linear(width, n_modalities + 1)
        self.head = Head(width, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> TATEOutput:
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        tokens, tags = self.tagged_tokens(codes, kept)
        encoded = self.encode(tokens)
        teacher = decoded = encoded
        if self.training:
            with torch.no_grad():
                teacher = self.encode(self.tagged_tokens(codes, batch.availability)[0])
            decoded = self.decode(encoded)
        weights = self.attend(encoded).softmax(dim=1)
        representation = (weights * encoded).sum(dim=1)
        predicted_tags = self.predict_tags(representation).sigmoid()
        logits = self.head(representation)
        return TATEOutput(logits, representation, tokens, encoded, teacher, decoded, tags, predicted_tags)

    def tagged_tokens(self, codes: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens with tags, (n, M, d), and tags, (n, M + 1).

        The first digit of a tag is 1 if the sample is complete; the others are 1 for missing modalities.
        """
        common = self.common(codes.masked_fill(~kept[..., None], 0.0))
        tags = torch.cat([kept.all(dim=1, keepdim=True), ~kept], dim=1).to(common.dtype)
        return self.embed(torch.cat([common, tags[:, None].expand(-1, kept.shape[1], -1)], dim=2)), tags

    def losses(self, output: TATEOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + w_k KL(encoded, teacher) + w_d KL(decoded, tokens) + w_t |tags|`` and terms.

        The divergences are symmetric and between softmax distributions over the entries of a token.
        """
        assert batch.target is not None
        settings = self.settings
        prediction = objective.loss(output.logits, batch.target)
        teacher = _symmetric_divergence(output.encoded, output.teacher)
        decoding = _symmetric_divergence(output.decoded, output.tokens)
        tags = (output.predicted_tags - output.tags).abs().mean()
        loss = prediction + settings.teacher_weight * teacher + settings.decoding_weight * decoding
        loss = loss + settings.tag_weight * tags
        parts = {"loss": loss, "loss/prediction": prediction, "loss/teacher": teacher}
        return parts | {"loss/decoding": decoding, "loss/tags": tags}


def _block(settings: TATESettings) -> nn.TransformerEncoderLayer:
    width, dropout = settings.latent_dim, settings.encoder_dropout
    return nn.TransformerEncoderLayer(
        width, settings.encoder_heads, 4 * width, dropout, batch_first=True, norm_first=True
    )


def _symmetric_divergence(first: Tensor, second: Tensor) -> Tensor:
    """Return ``KL(p, q) + KL(q, p)`` of the softmax distributions over the last axis, averaged over all tokens."""
    first, second = first.log_softmax(dim=-1).flatten(0, 1), second.log_softmax(dim=-1).flatten(0, 1)
    forwards = functional.kl_div(first, second, reduction="batchmean", log_target=True)
    backwards = functional.kl_div(second, first, reduction="batchmean", log_target=True)
    return forwards + backwards


class TATE(NetworkMethod):
    """TATE (Zeng, Liu and Zhou, 2022)."""

    Settings: ClassVar[type[MethodSettings]] = TATESettings
    Network: ClassVar[type[TrainableNetwork]] = TATENetwork


METHOD = TATE
