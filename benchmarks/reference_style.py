"""Reimplementation of a training step of the authors' released code, as a baseline for speed and memory.

It has the sizes, losses and update rule of preset `aaai2024`, and the inefficiencies of the released code: a Python
loop over modalities, zeros encoded for missing modalities, attention to and averaging over padding, and two networks
that enter no loss. Two flaws are fixed to make the comparison fair: running losses are detached from the graph, which
avoids a memory leak, and the optimiser is fused.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from redcore.methods.redcore_released import ReleasedNetwork as RedCoreNetwork
from redcore.methods.redcore_released import ReleasedSettings as RedCoreSettings
from redcore.nn import Batch, CrossModalImputer, Head, ModalityForm


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
    """Network and losses of the released code.

    Parameters
    ----------
    forms : list of ModalityForm
        Modalities; all must be sequences.
    n_outputs : int
    settings : RedCoreSettings
        Settings of preset `aaai2024`.
    """

    def __init__(self, forms: Sequence[ModalityForm], n_outputs: int, settings: RedCoreSettings) -> None:
        super().__init__()
        n, width, self.settings = len(forms), settings.latent_dim, settings
        head = (n_outputs, settings.head_layers, settings.head_dropout)
        imputer = ((n - 1) * width, width, settings.imputer_layers, settings.imputer_blocks)
        self.encoders = nn.ModuleList(Encoder(form.n_features, settings) for form in forms)
        self.imputers = nn.ModuleList(CrossModalImputer(*imputer) for _ in forms)
        self.unused = nn.ModuleList(CrossModalImputer(*imputer) for _ in range(2))
        self.heads = nn.ModuleList(Head(width, *head) for _ in forms)
        self.joint_head = Head(n * width, *head)
        self.running: list[Tensor] = [torch.zeros(()) for _ in forms]
        self.weights = torch.ones(n)

    def parts(self) -> list[nn.Module]:
        """Return the sub-networks whose gradients are clipped separately."""
        return [*self.encoders, *self.imputers, *self.heads, self.joint_head]

    def forward(self, values: Sequence[Tensor], available: Tensor) -> tuple[Tensor, list[Tensor], list, list[Tensor]]:
        """Return joint logits, unimodal logits, codes and imputed codes."""
        codes = [encoder(x) for encoder, x in zip(self.encoders, values, strict=True)]
        samples = [sample for _, _, sample in codes]
        others = [torch.cat(samples[:m] + samples[m + 1 :], dim=1) for m in range(len(samples))]
        imputed = [imputer(inputs) for imputer, inputs in zip(self.imputers, others, strict=True)]
        for unused, inputs in zip(self.unused, others, strict=False):
            unused(inputs)
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
            observed = available[:, m]
            loss = loss + functional.cross_entropy(unimodal[m], target)
            divergence = -(1 + logvar - mean.square() - logvar.exp())[observed].sum()
            loss = loss + settings.kl_weight / len(target) * divergence
            losses.append((imputed[m] - sample)[observed].square().sum() / observed.sum().clamp(min=1))
            self.running[m] = (1 - settings.smoothing) * self.running[m] + settings.smoothing * losses[m].detach()
        running = torch.stack(self.running)
        advantage = (running.mean() - running) / running.mean()
        if step % settings.weight_interval == 0:
            eta = settings.weight_step * settings.weight_step_growth ** (1 + step // 500)
            updated = (self.weights - eta * advantage).clamp(min=settings.weight_floor)
            self.weights = updated / updated.norm()
        return loss + settings.imputation_weight * (self.weights * torch.stack(losses)).sum()


def dense(batch: Batch, times: Sequence[int]) -> list[Tensor]:
    """Return the batch in the format of the released code: samples padded to full length, zeros if missing."""
    values = []
    for part, time in zip(batch.modalities, times, strict=True):
        padded = torch.zeros(batch.n_samples, time, part.values.shape[2])
        padded[part.rows, : part.values.shape[1]] = part.values
        values.append(padded)
    return values


def step(network: ReferenceStyle, optimizer: torch.optim.Optimizer, values, batch: Batch, number: int) -> Tensor:
    """Run one optimiser step and return the loss."""
    optimizer.zero_grad(set_to_none=True)
    loss = network.loss(values, batch.availability, batch.target, number)
    loss.backward()
    for part in network.parts():
        nn.utils.clip_grad_norm_(part.parameters(), network.settings.gradient_clip)
    optimizer.step()
    return loss.detach()


def copy_weights(reference: ReferenceStyle, redcore_network: RedCoreNetwork) -> None:
    """Copy the weights of a redcore network to the reimplementation."""
    state = {name: value.detach() for name, value in redcore_network.state_dict().items()}
    renamed = {}
    for name in reference.state_dict():
        if not name.startswith("unused."):
            renamed[name] = _redcore_weight(name, state)
    missing, unexpected = reference.load_state_dict(renamed, strict=False)
    assert not unexpected
    assert all(name.startswith("unused.") for name in missing)


NORMS = ("norm_before_attention", "norm_after_attention", "norm_before_mlp", "norm_after_mlp")


def _redcore_weight(name: str, state: dict[str, Tensor]) -> Tensor:
    """Return the weight of a redcore network that corresponds to a parameter name of the reimplementation."""
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
    for reference_name, redcore_name in (
        ("attention.in_proj_", "project_in."),
        ("attention.out_proj.", "project_out."),
        ("mlp.0.", "widen."),
        ("mlp.3.", "narrow."),
    ):
        path = path.replace(reference_name, redcore_name)
    return state[f"encoders.encoders.{m}.{path}"]
