"""What the released code does in a step, written anew: an honest stand-in to measure speed against.

The sizes, losses and update rule of preset `aaai2024`, per modality in Python; missing modalities are encoded as zeros,
padding is attended to and averaged, and two networks run that enter no loss. It is given the loss of memory (running
losses without a graph), and a fused optimiser: what is measured is the way of computing.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from redcore.methods.redcore_released import ReleasedNetwork as RedCoreNetwork
from redcore.methods.redcore_released import ReleasedSettings as RedCoreSettings
from redcore.nn import Batch, CrossModalImputer, Head

Form = tuple[str, int, bool]


class Block(nn.Module):
    def __init__(self, width: int, n_heads: int, ratio: int, attention_dropout: float, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))
        self.attention = nn.MultiheadAttention(width, n_heads, attention_dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, ratio * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(ratio * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        normed = self.norms[0](hidden)
        hidden = hidden + self.norms[1](self.attention(normed, normed, normed, need_weights=False)[0])
        return hidden + self.norms[3](self.mlp(self.norms[2](hidden)))


class Encoder(nn.Module):
    def __init__(self, n_features: int, settings: RedCoreSettings) -> None:
        super().__init__()
        width = settings.latent_dim
        self.project = nn.Linear(n_features, width)
        self.blocks = nn.ModuleList(
            Block(
                width,
                settings.encoder_heads,
                settings.encoder_hidden_ratio,
                settings.attention_dropout,
                settings.encoder_dropout,
            )
            for _ in range(settings.encoder_layers)
        )
        self.gaussian = nn.Linear(width, 2 * width)
        self.noise = settings.bottleneck_noise

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.project(values).transpose(0, 1)
        for block in self.blocks:
            hidden = block(hidden)
        mean, logvar = self.gaussian(hidden.mean(dim=0).sigmoid()).chunk(2, dim=1)
        noise = torch.randn_like(mean) if self.noise else torch.zeros_like(mean)
        return mean, logvar, mean + torch.exp(logvar / 2) * noise


class ReferenceStyle(nn.Module):
    """The network and its losses.

    Parameters
    ----------
    forms : list of (name, n_features, is_sequence)
        All sequences.
    n_outputs : int
    settings : RedCoreSettings
        Those of preset `aaai2024`.
    """

    def __init__(self, forms: Sequence[Form], n_outputs: int, settings: RedCoreSettings) -> None:
        super().__init__()
        n, width, self.settings = len(forms), settings.latent_dim, settings
        head = (n_outputs, settings.head_layers, settings.head_dropout)
        imputer = ((n - 1) * width, width, settings.imputer_layers, settings.imputer_blocks)
        self.encoders = nn.ModuleList(Encoder(n_features, settings) for _, n_features, _ in forms)
        self.imputers = nn.ModuleList(CrossModalImputer(*imputer) for _ in forms)
        self.unused = nn.ModuleList(CrossModalImputer(*imputer) for _ in range(2))
        self.heads = nn.ModuleList(Head(width, *head) for _ in forms)
        self.joint_head = Head(n * width, *head)
        self.running: list[Tensor] = [torch.zeros(()) for _ in forms]
        self.weights = torch.ones(n)

    def parts(self) -> list[nn.Module]:
        """Return what is clipped one by one."""
        return [*self.encoders, *self.imputers, *self.heads, self.joint_head]

    def forward(self, values: Sequence[Tensor], available: Tensor) -> tuple[Tensor, list[Tensor], list, list[Tensor]]:
        """Return joint logits, unimodal logits, codes and imputed codes."""
        codes = [encoder(x) for encoder, x in zip(self.encoders, values, strict=True)]
        samples = [sample for _, _, sample in codes]
        others = [torch.cat(samples[:m] + samples[m + 1 :], dim=1) for m in range(len(samples))]
        imputed = [imputer(read) for imputer, read in zip(self.imputers, others, strict=True)]
        for unused, read in zip(self.unused, others, strict=False):
            unused(read)
        completed = [torch.where(available[:, m, None], samples[m], imputed[m]) for m in range(len(samples))]
        unimodal = [head(code) for head, code in zip(self.heads, completed, strict=True)]
        return self.joint_head(torch.cat(completed, dim=1)), unimodal, codes, imputed

    def loss(self, values: Sequence[Tensor], available: Tensor, target: Tensor, step: int) -> Tensor:
        """Return the loss of a batch."""
        settings = self.settings
        logits, unimodal, codes, imputed = self(values, available)
        loss = functional.cross_entropy(logits, target)
        losses = []
        for m, (mean, logvar, sample) in enumerate(codes):
            there = available[:, m]
            loss = loss + functional.cross_entropy(unimodal[m], target)
            divergence = -(1 + logvar - mean.square() - logvar.exp())[there].sum()
            loss = loss + settings.kl_weight / len(target) * divergence
            losses.append((imputed[m] - sample)[there].square().sum() / there.sum().clamp(min=1))
            self.running[m] = (1 - settings.smoothing) * self.running[m] + settings.smoothing * losses[m].detach()
        running = torch.stack(self.running)
        advantage = (running.mean() - running) / running.mean()
        if step % settings.weight_interval == 0:
            eta = settings.weight_step * settings.weight_step_growth ** (1 + step // 500)
            moved = (self.weights - eta * advantage).clamp(min=settings.weight_floor)
            self.weights = moved / moved.norm()
        return loss + settings.imputation_weight * (self.weights * torch.stack(losses)).sum()


def dense(batch: Batch, times: Sequence[int]) -> list[Tensor]:
    """Return the batch as the released code has it: every sample padded to full length, zeros where missing."""
    values = []
    for part, time in zip(batch.modalities, times, strict=True):
        padded = torch.zeros(batch.n_samples, time, part.values.shape[2])
        padded[part.rows, : part.values.shape[1]] = part.values
        values.append(padded)
    return values


def step(network: ReferenceStyle, optimizer: torch.optim.Optimizer, values, batch: Batch, number: int) -> Tensor:
    """Do one optimiser step."""
    optimizer.zero_grad(set_to_none=True)
    loss = network.loss(values, batch.availability, batch.target, number)
    loss.backward()
    for part in network.parts():
        nn.utils.clip_grad_norm_(part.parameters(), network.settings.gradient_clip)
    optimizer.step()
    return loss.detach()


def take_weights(reference: ReferenceStyle, ours: RedCoreNetwork) -> None:
    """Give the stand-in the weights of our network."""
    state = {name: value.detach() for name, value in ours.state_dict().items()}
    renamed = {}
    for name in reference.state_dict():
        if not name.startswith("unused."):
            renamed[name] = _ours(name, state)
    missing, unexpected = reference.load_state_dict(renamed, strict=False)
    assert not unexpected
    assert all(name.startswith("unused.") for name in missing)


NORMS = ("norm_before_attention", "norm_after_attention", "norm_before_mlp", "norm_after_mlp")


def _ours(name: str, state: dict[str, Tensor]) -> Tensor:
    part, *rest = name.split(".")
    if part == "joint_head":
        return state[name]
    m, rest = int(rest[0]), rest[1:]
    if part == "heads":
        return state[".".join(["unimodal_heads", *rest])][m]
    if part == "imputers":
        return state[".".join(["imputers", "stacked", *rest])][m]
    if rest[0] == "gaussian":
        return state[f"bottleneck.project.{rest[1]}"][m]
    path = ".".join(rest)
    for index, norm in enumerate(NORMS):
        path = path.replace(f"norms.{index}", norm)
    for theirs, our in (
        ("attention.in_proj_", "project_in."),
        ("attention.out_proj.", "project_out."),
        ("mlp.0.", "widen."),
        ("mlp.3.", "narrow."),
    ):
        path = path.replace(theirs, our)
    return state[f"encoders.encoders.{m}.{path}"]
