"""Gain of a default fit if its three networks were trained in one pass, with their parameters stacked.

    OMP_NUM_THREADS=1 python benchmarks/batched_members.py --cpu                              # three sizes
    OMP_NUM_THREADS=1 python benchmarks/batched_members.py --cpu --size 200 4 20 4 --pairs 1  # 15 seconds

The question is how much faster `stacked` would fit if a training step computed all ensemble members at once. The script
has a forward pass of its own, in which every operation has a leading dimension of members. The parameters of the
networks are views of stacked tensors, and each member draws from its own generator, so that it sees the same batches,
masks and noise as in a separate fit. Whole fits (preprocessing, training, validation, stack) alternate with those of
the library. The script prints the ratio of their times, separate over batched, with the smallest and the largest, and
the largest difference of the predicted probabilities.

Covered: modalities that are vectors, one class per sample without sample weights, the default settings (one MLP layer
per encoder, linear heads, pooled imputers, fixed supervision weights, AdamW, clipping, early stopping of each member).
Not covered: sequences, images and other targets, other settings, checkpoints, callbacks, accelerators, several
processes, and members with different numbers of training samples, for which the script stops with an error.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from baselines import vectors
from timing import machine, pairs
from torch import Tensor, nn
from torch.nn import functional

from redcore.balancing.fixed import Fixed
from redcore.data import MultimodalData, sample_in_memory
from redcore.fitting import FitContext, Plan, Trainer, TrainingSettings, seeded, threads
from redcore.fitting._plan import Sampler
from redcore.fitting._stepper import CLIP_EPSILON
from redcore.methods import make_method
from redcore.methods._base._network_method import MAX_VALIDATION
from redcore.methods.redcore import RedCoreNetwork, RedCoreSettings
from redcore.methods.stacked import Stacked, _context_of_member
from redcore.missing import under_patterns
from redcore.nn import PooledImputers, StackedLinear
from redcore.nn._bottleneck import LOGVAR_LIMIT
from redcore.nn._dropout import LEVELS
from redcore.nn._imputer import LARGEST_AFFINITY
from redcore.nn.encoders.mlp import MLPEncoder

SIZES = ((200, 4, 20, 4), (1_000, 3, 100, 10), (10_000, 4, 100, 10))
"""Numbers of samples, modalities, features and classes."""
COVERED = "`redcore` with MLP encoders of one layer, linear heads, pooled imputers and fixed supervision weights"
N_PREDICTED = 200
"""Number of training samples whose predictions are compared."""


@dataclass
class Member:
    """An ensemble member: its trainer, training samples and random numbers."""

    trainer: Trainer
    held_out: MultimodalData
    generator: torch.Generator
    sampler: Sampler
    values: list[Tensor]  # (n_samples, n_features) by modality, zeros where it is missing
    availability: Tensor  # (n_samples, M)
    target: Tensor  # (n_samples,)

    @property
    def network(self) -> RedCoreNetwork:
        return cast(RedCoreNetwork, self.trainer.network)


class BatchOfMembers(NamedTuple):
    """Batches of K members with B samples each."""

    values: list[Tensor]  # (K, B, n_features) by modality
    rows: list[list[Tensor]]  # observed rows by modality and member
    availability: Tensor  # (K, B, M)
    target: Tensor  # (K, B)


class Losses(NamedTuple):
    """Losses of K members: (K,), or (K, M) by modality."""

    loss: Tensor
    joint: Tensor
    kl: Tensor
    unimodal: Tensor
    imputation: Tensor


class BatchedNetwork(nn.Module):
    """`RedCoreNetwork` of K members: M modalities, latent codes of width d, tensors (K * M, B, d) between layers."""

    def __init__(self, network: RedCoreNetwork, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.settings, self.generators, k = network.settings, generators, len(generators)
        self.n_members, self.n_modalities, self.width = k, len(network.names), network.settings.latent_dim
        inputs = [_encoder_layers(network, index)[0].in_features for index in range(self.n_modalities)]
        n_outputs, hidden = cast(nn.Linear, network.joint_head.output).out_features, self.settings.imputer_hidden
        n_maps, width = k * self.n_modalities, self.width
        self.encoders = nn.ModuleList(StackedLinear(k, size, width) for size in inputs)
        self.norm_weights = nn.ParameterList(nn.Parameter(torch.ones(k, 1, width)) for _ in inputs)
        self.norm_biases = nn.ParameterList(nn.Parameter(torch.zeros(k, 1, width)) for _ in inputs)
        self.bottleneck = StackedLinear(n_maps, width, 2 * width)
        self.messages = StackedLinear(n_maps, width, hidden)
        self.trunk, self.codes = StackedLinear(n_maps, hidden, hidden), StackedLinear(n_maps, hidden, width)
        imputers = cast(PooledImputers, network.imputers)
        self.n_gates, self.others = len(imputers.affinity), imputers.others
        self.affinity = nn.Parameter(torch.zeros(k * self.n_gates, self.n_modalities, self.n_modalities))
        self.unimodal_heads = StackedLinear(n_maps, width, n_outputs)
        self.joint_head = StackedLinear(k, self.n_modalities * width, n_outputs)
        self.supervision_weight = network.rule.supervision_weight

    def forward(self, batch: BatchOfMembers) -> Losses:
        """Return the losses of the members, in the order of operations and draws of `RedCoreNetwork`."""
        n_samples = batch.target.shape[1]
        mean, logvar = _linear(self.bottleneck, self._encode(batch)).chunk(2, -1)
        logvar = logvar.clamp(-LOGVAR_LIMIT, LOGVAR_LIMIT)
        codes = mean + torch.exp(logvar / 2) * self._noise(n_samples)
        kept = self._by_map(self._drop_modalities(batch.availability)[..., None])
        imputed = self._impute(codes, kept)
        completed = torch.lerp(imputed, codes, kept.float())
        observed = batch.availability.transpose(1, 2)  # (K, M, B)
        divergence = self._by_member(-(1 + logvar - mean.square() - logvar.exp()).sum(-1)).masked_fill(~observed, 0.0)
        kl = divergence.sum((1, 2)) * (self.settings.kl_weight / n_samples)
        distance = self._by_member((imputed - codes.detach()).square().sum(2)).masked_fill(~observed, 0.0)
        imputation = distance.sum(2) / observed.sum(2).clamp(min=1)
        joint, unimodal = self._head_losses(completed, batch.target)
        loss = joint + self.settings.unimodal_weight * unimodal.sum(1) + kl
        loss = loss + self.settings.imputation_weight * (self.supervision_weight * imputation).sum(1)
        return Losses(loss, joint, kl, unimodal, imputation)

    def _encode(self, batch: BatchOfMembers) -> Tensor:
        hidden = []
        for index, (encoder, values) in enumerate(zip(self.encoders, batch.values, strict=True)):
            normed = functional.layer_norm(_linear(cast(StackedLinear, encoder), values), (self.width,))
            code = functional.gelu(normed * self.norm_weights[index] + self.norm_biases[index])
            hidden.append(code * self._dropout_mask(batch.rows[index], values.shape[1]))
        return torch.stack(hidden, 1).view(self.n_members * self.n_modalities, -1, self.width)

    def _dropout_mask(self, rows: Sequence[Tensor], n_samples: int) -> Tensor:
        """Return the scaled mask of one encoder, drawn as in `redcore.nn._dropout`; 0 where the modality is missing."""
        n_dropped = min(round(self.settings.encoder_dropout * LEVELS), LEVELS - 1)
        mask = torch.zeros(self.n_members, n_samples, self.width)
        for own, observed, generator in zip(mask, rows, self.generators, strict=True):
            size = len(observed) * self.width
            drawn = torch.empty(-(-size // 8), dtype=torch.int64)
            drawn.random_(torch.iinfo(torch.int64).min, None, generator=generator)
            kept = torch.empty(len(observed), self.width)
            torch.ge(drawn.view(torch.uint8)[:size].view(kept.shape), n_dropped, out=kept)
            own.index_copy_(0, observed, kept)
        return mask.mul_(LEVELS / (LEVELS - n_dropped))

    def _noise(self, n_samples: int) -> Tensor:
        shape = (n_samples, self.n_modalities, self.width)
        return self._by_map(torch.stack([torch.randn(shape, generator=generator) for generator in self.generators]))

    def _drop_modalities(self, availability: Tensor) -> Tensor:
        draw = torch.stack([torch.rand(availability.shape[1:], generator=generator) for generator in self.generators])
        highest = draw.masked_fill(~availability, -1.0).argmax(2, keepdim=True)
        return availability & (draw >= self.settings.modality_dropout).scatter(2, highest, True)

    def _impute(self, codes: Tensor, kept: Tensor) -> Tensor:
        pooled = self._pool(_linear(self.messages, codes * kept) * kept)
        return _linear(self.codes, (pooled + _linear(self.trunk, pooled.relu())).relu())

    def _pool(self, messages: Tensor) -> Tensor:
        k, m, n_samples, hidden = self.n_members, self.n_modalities, messages.shape[1], messages.shape[2]
        gates = self.affinity.clamp(max=LARGEST_AFFINITY).exp() * self.others
        parts = messages.view(k, m, n_samples, self.n_gates, -1).permute(0, 3, 1, 2, 4)
        summed = torch.bmm(gates, parts.reshape(k * self.n_gates, m, -1))
        return summed.view(k, self.n_gates, m, n_samples, -1).permute(0, 2, 3, 1, 4).reshape(k * m, n_samples, hidden)

    def _head_losses(self, completed: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        unimodal = self._by_member(_linear(self.unimodal_heads, completed))
        representation = self._by_member(completed).transpose(1, 2).reshape(*target.shape, -1)
        joint = _linear(self.joint_head, representation)
        repeated = target[:, None].expand(-1, self.n_modalities, -1)
        of_unimodal = functional.cross_entropy(unimodal.permute(0, 3, 1, 2), repeated, reduction="none")
        of_joint = functional.cross_entropy(joint.transpose(1, 2), target, reduction="none")
        return of_joint.mean(1), of_unimodal.mean(2)

    def _by_map(self, values: Tensor) -> Tensor:
        """Return (K, B, M, n) as (K * M, B, n)."""
        return values.transpose(1, 2).reshape(self.n_members * self.n_modalities, values.shape[1], -1)

    def _by_member(self, values: Tensor) -> Tensor:
        """Return (K * M, ...) as (K, M, ...)."""
        return values.view(self.n_members, self.n_modalities, *values.shape[1:])

    def sources(self, network: RedCoreNetwork) -> list[tuple[Tensor, Tensor, int | None]]:
        """Return each parameter of a member, the stacked parameter that holds it, and the modality of an encoder."""
        found: list[tuple[Tensor, Tensor, int | None]] = []
        for index, encoder in enumerate(self.encoders):
            linear, norm = _encoder_layers(network, index)
            stacked = (encoder.weight, encoder.bias, self.norm_weights[index], self.norm_biases[index])
            own = (linear.weight, linear.bias, norm.weight, norm.bias)
            found += [(source, cast(Tensor, target), index) for source, target in zip(own, stacked, strict=True)]
        imputers = cast(PooledImputers, network.imputers)
        layers: list[tuple[nn.Module, StackedLinear]] = [
            (network.bottleneck.project, self.bottleneck), (imputers.messages, self.messages),
            (imputers.trunk, self.trunk), (imputers.codes, self.codes),
            (network.unimodal_heads.output, self.unimodal_heads), (network.joint_head.output, self.joint_head),
        ]  # fmt: skip
        for layer, stack in layers:
            found += [(cast(Tensor, layer.weight), stack.weight, None), (cast(Tensor, layer.bias), stack.bias, None)]
        return [*found, (imputers.affinity, self.affinity, None)]


def _encoder_layers(network: RedCoreNetwork, index: int) -> Sequence[Any]:
    """Return the linear layer and the layer norm of an encoder."""
    encoder: Any = network.encoders.encoders[index]
    return tuple(encoder.layers[0][:2])


def _linear(layer: StackedLinear, values: Tensor) -> Tensor:
    """Map (n_maps, B, in_features) to (n_maps, B, out_features)."""
    return torch.baddbmm(layer.bias[:, None], values, layer.weight.transpose(1, 2))


@dataclass
class Stack:
    """A parameter of all members with its average and the state of AdamW; the first dimension is that of members.

    The parameters of an encoder have a count of steps for each member, since AdamW skips an encoder without gradient.
    All others have one.
    """

    parameter: Tensor
    average: Tensor
    moments: tuple[Tensor, Tensor]
    n_steps: list[Tensor]
    modality: int | None


class Group:
    """The members that still train, as one network.

    Parameters
    ----------
    members : list of Member
        Their parameters and averages become views of the stacked ones.
    before : Group, optional
        Group that had these members at the places `places`; its moments are kept.
    """

    def __init__(self, members: list[Member], before: "Group | None" = None, places: Sequence[int] = ()) -> None:
        self.members, first = members, members[0]
        self.settings = cast(RedCoreSettings, first.trainer.settings)
        self.network = BatchedNetwork(first.network, [member.generator for member in members])
        sources = [self.network.sources(member.network) for member in members]
        _check_parameters(first.network, [own for own, _, _ in sources[0]])
        k = len(members)
        self.stacks = [
            _stack([own[index][0] for own in sources], parameter.view(k, -1), members, modality)
            for index, (_, parameter, modality) in enumerate(sources[0])
        ]
        self.parameters = [parameter for _, parameter, _ in sources[0]]
        if before is not None:
            for stack, old in zip(self.stacks, before.stacks, strict=True):
                _copy_state(stack, old, places)
        rules = [member.network.rule for member in members]
        self.running_loss = torch.stack([rule.running_loss for rule in rules])
        self.relative_advantage = torch.stack([rule.relative_advantage for rule in rules])
        for index, rule in enumerate(rules):
            rule.running_loss, rule.relative_advantage = self.running_loss[index], self.relative_advantage[index]

    def step(self, step: int, learning_rate: float) -> None:
        """Train all members for one step."""
        batch = self._batch(step)
        for parameter in self.parameters:
            parameter.grad = None
        losses = self.network(batch)
        self._smooth(losses.imputation.detach(), batch.availability.sum(1))
        losses.loss.sum().backward()
        gradients = [cast(Tensor, parameter.grad).view(len(self.members), -1) for parameter in self.parameters]
        self._clip(gradients)
        self._adamw(gradients, batch, learning_rate)
        rate = 1 / (1 + self.settings.weight_averaging * step)
        torch._foreach_lerp_([stack.average for stack in self.stacks], [stack.parameter for stack in self.stacks], rate)
        self._record(losses)

    def _batch(self, step: int) -> BatchOfMembers:
        members = self.members
        rows = [torch.from_numpy(member.sampler.rows(step)) for member in members]
        availability = torch.stack([member.availability[own] for member, own in zip(members, rows, strict=True)])
        target = torch.stack([member.target[own] for member, own in zip(members, rows, strict=True)])
        modalities = range(availability.shape[2])
        values = [
            torch.stack([member.values[m][own] for member, own in zip(members, rows, strict=True)]) for m in modalities
        ]
        observed = [[torch.nonzero(own[:, m])[:, 0] for own in availability] for m in modalities]
        return BatchOfMembers(values, observed, availability, target)

    def _smooth(self, losses: Tensor, n_observed: Tensor) -> None:
        """Update running losses and relative advantages, as the rule "fixed" does."""
        smoothing = self.settings.smoothing
        smoothed = (1 - smoothing) * self.running_loss + smoothing * losses
        self.running_loss.copy_(torch.where(n_observed > 0, smoothed, self.running_loss))
        seen = self.running_loss > 0
        mean = self.running_loss.sum(1, keepdim=True) / seen.sum(1, keepdim=True).clamp(min=1)
        advantage = (mean - self.running_loss) / mean.clamp(min=torch.finfo(mean.dtype).tiny)
        self.relative_advantage.copy_(torch.where(seen, advantage, 0.0))

    def _clip(self, gradients: Sequence[Tensor]) -> None:
        """Scale the gradients of each member, (K, n), so that their norm is at most the limit of the settings."""
        norms = torch.stack([torch.linalg.vector_norm(gradient, dim=1) for gradient in gradients], 1)
        limit = cast(float, self.settings.gradient_clip)
        factor = (limit / (torch.linalg.vector_norm(norms, dim=1) + CLIP_EPSILON)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factor[:, None])

    def _adamw(self, gradients: Sequence[Tensor], batch: BatchOfMembers, learning_rate: float) -> None:
        """Step of AdamW, which skips the encoder of a modality that no sample of the member's batch has."""
        parts: list[tuple[Tensor, ...]] = []
        for stack, gradient in zip(self.stacks, gradients, strict=True):
            if stack.modality is None:
                parts.append((stack.parameter, gradient, *stack.moments, stack.n_steps[0]))
                continue
            by_member = zip(stack.parameter, gradient, *stack.moments, stack.n_steps, strict=True)
            observed = batch.rows[stack.modality]
            parts += [part for part, rows in zip(by_member, observed, strict=True) if len(rows)]
        parameters, own, first, second, n_steps = (list(column) for column in zip(*parts, strict=True))
        torch._foreach_add_(n_steps, 1)
        settings = self.settings
        torch._fused_adamw_(
            parameters, own, first, second, [], n_steps, lr=learning_rate, beta1=settings.adam_beta1,
            beta2=settings.adam_beta2, weight_decay=settings.weight_decay, eps=settings.adam_epsilon, amsgrad=False,
            maximize=False,
        )  # fmt: skip

    def _record(self, losses: Losses) -> None:
        columns = [column.detach().reshape(len(self.members), -1) for column in losses]
        columns += [self.running_loss, self.relative_advantage]
        for member, row in zip(self.members, torch.cat(columns, 1).tolist(), strict=True):
            member.trainer.history.record_step({str(index): value for index, value in enumerate(row)})

    def validated(self, epoch: int) -> "Group | None":
        """Validate all members; return the group of those that go on, or None."""
        for member in self.members:
            member.trainer._validate(epoch, member.held_out)
        places = [place for place, member in enumerate(self.members) if not member.trainer.progress.stopped]
        if len(places) == len(self.members):
            return self
        return Group([self.members[place] for place in places], self, places) if places else None


def _stack(sources: Sequence[Tensor], parameter: Tensor, members: Sequence[Member], modality: int | None) -> Stack:
    """Stack a parameter of the members and its averages, (K, n), and turn those of the members into views."""
    values, averaged = parameter.detach(), torch.empty_like(parameter.detach())
    for place, (source, member) in enumerate(zip(sources, members, strict=True)):
        average = member.trainer.average
        assert average is not None
        index = next(index for index, own in enumerate(member.network.parameters()) if own is source)
        values[place].copy_(source.detach().reshape(-1))
        averaged[place].copy_(average.tensors[index].reshape(-1))
        source.data = values[place].view(source.shape)
        average.tensors[index] = averaged[place].view(source.shape)
        average._parameters[index] = source.detach()
    n_counts = 1 if modality is None else len(members)
    moments = (torch.zeros_like(values), torch.zeros_like(values))
    return Stack(values, averaged, moments, [torch.zeros(()) for _ in range(n_counts)], modality)


def _copy_state(stack: Stack, before: Stack, places: Sequence[int]) -> None:
    """Copy the state of AdamW of the members that were at `places`."""
    for moment, old in zip(stack.moments, before.moments, strict=True):
        moment.copy_(old[list(places)])
    counts = before.n_steps if stack.modality is None else [before.n_steps[place] for place in places]
    for count, old in zip(stack.n_steps, counts, strict=True):
        count.copy_(old)


def _check_architecture(network: nn.Module) -> None:
    covered = (
        isinstance(network, RedCoreNetwork)
        and isinstance(network.rule, Fixed)
        and isinstance(network.imputers, PooledImputers)
        and all(isinstance(encoder, MLPEncoder) for encoder in network.encoders.encoders)
    )
    if not covered:
        raise SystemExit(f"only {COVERED} is covered")


def _check_parameters(network: RedCoreNetwork, stacked: Sequence[Tensor]) -> None:
    if {id(parameter) for parameter in stacked} != {id(parameter) for parameter in network.parameters()}:
        raise SystemExit(f"a network has parameters without a stack: only {COVERED} is covered")


class BatchedStacked(Stacked):
    """`Stacked` whose members train in one pass."""

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        splits = self._splits(data, validation, context.seed)
        self._prepare(splits[0][0] if len(splits) == 1 else data, context)
        with threads(1):
            members = [
                self._member(train, cast(MultimodalData, held_out), _context_of_member(context, index))
                for index, (train, held_out) in enumerate(splits)
            ]
            _train(members, self.training)
        self.networks = [member.network.eval() for member in members]
        self.histories = [member.trainer.history for member in members]
        self.history = self.histories[0]
        self.stack = self._fit_stack(data, splits, context.seed)

    def _member(self, data: MultimodalData, held_out: MultimodalData, context: FitContext) -> Member:
        """Return a member with the initial weights, batches and random numbers that it has in a separate fit."""
        settings, rng = self.training, np.random.default_rng([context.seed, 3])
        sampled = sample_in_memory(held_out, MAX_VALIDATION // settings.validation_patterns, rng)
        patterns = under_patterns(sampled, settings.validation_patterns, rng)
        generator = torch.Generator()
        assert data.target is not None
        with seeded(context.seed):
            network = self.build_network(self._forms(), data.target.n_outputs, data.n_samples).train()
            _check_architecture(network)
            prepared = self.preprocessor.transform(data)
            trainer = Trainer(network, self.objective, settings, context)
            generator.set_state(torch.get_rng_state())
        sampler = Sampler(data.n_samples, Plan.make(settings, data.n_samples), context.seed)
        observed = np.stack([modality.position >= 0 for modality in prepared.modalities.values()], axis=1)
        target = torch.from_numpy(self.objective.encode(data.target))
        transformed = self.preprocessor.transform(patterns)
        return Member(trainer, transformed, generator, sampler, _dense(prepared), torch.from_numpy(observed), target)


def _dense(data: MultimodalData) -> list[Tensor]:
    """Return the values of each modality, (n_samples, n_features), with zeros for missing samples."""
    dense = []
    for modality in data.modalities.values():
        values, observed = np.zeros((data.n_samples, modality.n_features), np.float32), modality.position >= 0
        values[observed] = modality.values[modality.position[observed]]
        dense.append(torch.from_numpy(values))
    return dense


def _train(members: list[Member], settings: TrainingSettings) -> None:
    """Train the members, and load the weights of the selected epoch of each."""
    sizes = sorted({len(member.target) for member in members})
    if len(sizes) > 1:
        raise SystemExit(f"the members have {sizes[0]} to {sizes[-1]} training samples: only equal sizes are covered")
    plan, group = Plan.make(settings, sizes[0]), Group(members)
    for step in range(plan.n_steps):
        group.step(step, plan.learning_rate(step))
        if plan.ends_epoch(step):
            remaining = group.validated(step // plan.steps_per_epoch)
            if remaining is None:
                break
            group = remaining
    for member in members:
        member.network.load_state_dict(member.trainer.best_weights)
        member.trainer.history.best_epoch = member.trainer.progress.best_epoch


def compare(size: tuple[int, int, int, int], n_pairs: int) -> None:
    """Print times, ratio and difference of predictions for numbers of samples, modalities, features and classes."""
    data = vectors(*size)
    fitted: dict[type[Stacked], Stacked] = {}

    def fit(method: type[Stacked]) -> None:
        fitted[method] = cast(Stacked, make_method(method).fit(data))

    timed = pairs(lambda: fit(BatchedStacked), lambda: fit(Stacked), n_pairs)
    compared = data.take(np.arange(min(N_PREDICTED, data.n_samples)))
    batched, separate = (np.asarray(fitted[method].predict(compared)) for method in (BatchedStacked, Stacked))
    epochs = [[len(own.epochs["validation_loss"]) for own in fitted[method].histories] for method in fitted]
    print(f"{' x '.join(map(str, size))}: separate {np.median(timed.baseline):.2f} s, batched", end=" ")
    print(f"{np.median(timed.redcore):.2f} s, ratio {timed}; largest difference of probabilities", end=" ")
    print(f"{np.abs(batched - separate).max():.0e}; epochs of the members {epochs[1]}, batched {epochs[0]}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="store_true", help="measure CPU time")
    parser.add_argument(
        "--size", type=int, nargs=4, action="append", metavar=("SAMPLES", "MODALITIES", "FEATURES", "CLASSES")
    )
    parser.add_argument("--pairs", type=int, default=7, help="pairs of fits, after one fit of each that is not timed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine(), flush=True)
    for size in arguments.size or SIZES:
        compare(tuple(size), arguments.pairs)


if __name__ == "__main__":
    main()
