"""Blocks against their formulas."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from factories import TARGETS, make_target
from redcore._discovery import names
from redcore.data import Target
from redcore.nn import (
    ConcatenatingImputers,
    CrossModalImputer,
    GaussianBottleneck,
    Head,
    Objective,
    PooledImputers,
    StackedHead,
    kl_to_standard_normal,
)
from redcore.nn._dropout import dropout, dropout_relu, keep_mask
from redcore.nn._packing import Packing
from redcore.nn.encoders import EncoderSpec, build_encoder, encoder_width

SPEC = EncoderSpec(width=8, n_layers=2, n_heads=2, hidden_ratio=2, attention_dropout=0.1, dropout=0.1,
                   positional_encoding=True)  # fmt: skip


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_kl_by_hand():
    mean, logvar = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, math.log(2.0)]])
    expected = -((1 + 0 - 1 - 1) + (1 + math.log(2) - 4 - 2))
    assert float(kl_to_standard_normal(mean, logvar)) == pytest.approx(expected)
    assert float(kl_to_standard_normal(torch.zeros(3, 2), torch.zeros(3, 2))) == 0


def test_bottleneck_draws_noise_of_the_right_spread_in_training_only():
    bottleneck = GaussianBottleneck(4, 2)
    hidden = torch.ones(20000, 4)
    code = bottleneck(hidden)
    spread = (code.sample - code.mean).std(dim=0)
    torch.testing.assert_close(spread, torch.exp(code.logvar[0] / 2), rtol=0.03, atol=0)
    assert torch.equal(bottleneck.eval()(hidden).sample, bottleneck(hidden).mean)


def test_bottleneck_without_noise():
    bottleneck = GaussianBottleneck(4, 2, noise=False).train()
    code = bottleneck(torch.ones(3, 4))
    assert torch.equal(code.sample, code.mean)


def test_bottleneck_is_finite_on_huge_inputs():
    code = GaussianBottleneck(4, 2)(torch.full((3, 4), 1e18))
    assert torch.isfinite(code.sample).all()
    assert torch.isfinite(code.logvar.exp()).all()


def test_imputer_recursion_written_out():
    imputer = CrossModalImputer(6, 4, hidden=(5, 3), n_blocks=3)
    x = torch.randn(7, 6)
    x_in, x_out = x, torch.zeros_like(x)
    for block in imputer.blocks:
        x_in = x_in + x_out
        down1, down2, up1, up2 = (layer for layer in block if isinstance(layer, nn.Linear))
        hidden = down2(functional.leaky_relu(down1(x_in)))
        x_out = up2(functional.relu(up1(hidden)))
    first, _, last = imputer.transition
    torch.testing.assert_close(imputer(x), last(functional.relu(first(x_in + x_out))))


def test_imputer_without_blocks_is_its_transition():
    imputer = CrossModalImputer(6, 4, hidden=(5,), n_blocks=0)
    x = torch.randn(2, 6)
    torch.testing.assert_close(imputer(x), imputer.transition(x))


IMPUTERS = [lambda: ConcatenatingImputers(3, 4, (5,), 1), lambda: PooledImputers(3, 4, 6, 2)]


@pytest.mark.parametrize("build", IMPUTERS)
def test_a_process_may_have_no_sample_of_a_batch(build):
    codes = torch.zeros(0, 3, 4, requires_grad=True)
    imputed = build()(codes, torch.zeros(0, 3, dtype=torch.bool))
    assert imputed.shape == (0, 3, 4)
    imputed.sum().backward()
    assert codes.grad is not None


@pytest.mark.parametrize("build", IMPUTERS)
def test_no_imputer_reads_its_own_modality(build):
    imputers = build()
    codes, kept = torch.randn(6, 3, 4), torch.ones(6, 3, dtype=torch.bool)
    before = imputers(codes, kept)
    changed = codes.clone()
    changed[:, 1] += 1
    after = imputers(changed, kept)
    torch.testing.assert_close(after[:, 1], before[:, 1], rtol=0, atol=1e-6)
    assert not torch.allclose(after[:, 0], before[:, 0])
    assert not torch.allclose(after[:, 2], before[:, 2])


@pytest.mark.parametrize("training", [True, False])
def test_concatenating_imputers_are_one_imputer_per_modality(training):
    together = ConcatenatingImputers(3, 4, (5, 3), 2).train(training)
    codes, kept = torch.randn(6, 3, 4), torch.rand(6, 3) > 0.5
    imputed = together(codes, kept)
    for m in range(3):
        alone = CrossModalImputer(8, 4, (5, 3), 2)
        alone.load_state_dict({name: value[m] for name, value in together.stacked.state_dict().items()})
        others = codes[:, [k for k in range(3) if k != m]].flatten(1)
        wanted = torch.ones(6, dtype=torch.bool) if training else ~kept[:, m]
        torch.testing.assert_close(imputed[wanted, m], alone(others)[wanted])


def test_a_stacked_head_is_one_head_per_modality():
    together = StackedHead(3, 4, 2, (5,), 0.0)
    codes = torch.randn(6, 3, 4)
    for m in range(3):
        alone = Head(4, 2, (5,), 0.0)
        alone.load_state_dict({name: value[m] for name, value in together.state_dict().items()})
        torch.testing.assert_close(together(codes)[:, m], alone(codes[:, m]))


def test_pooled_imputers_written_out():
    imputers = PooledImputers(3, 4, 6, 2)
    nn.init.normal_(imputers.affinity)
    codes, kept = torch.randn(2, 3, 4), torch.tensor([[True, True, False], [False, False, False]])
    messages, gates = imputers.messages(codes), imputers.affinity.exp().repeat_interleave(3, dim=0)
    for m, others in ((0, [1]), (1, [0]), (2, [0, 1])):
        pooled = sum(gates[:, m, k] * messages[0, k] for k in others)
        for row, read in ((0, pooled), (1, torch.zeros(6))):
            hidden = read + imputers.trunk.weight[m] @ read.relu() + imputers.trunk.bias[m]
            expected = imputers.codes.weight[m] @ hidden.relu() + imputers.codes.bias[m]
            torch.testing.assert_close(imputers(codes, kept)[row, m], expected)


def test_pooled_imputers_have_parameters_linear_in_modalities():
    def size(n):
        imputers = PooledImputers(n, 32, 64, 8)
        return sum(p.numel() for p in imputers.parameters()) - imputers.affinity.numel()

    assert size(24) - size(12) == 2 * (size(12) - size(6))


def test_imputers_run_only_where_something_is_missing_when_predicting():
    imputers = ConcatenatingImputers(3, 4, (5,), 1).eval()
    sizes = []
    imputers.stacked.transition.register_forward_hook(lambda _, inputs, __: sizes.append(inputs[0].shape))
    kept = torch.tensor([[True, True, False], [True, False, False], [True, True, True], [True, True, False]])
    imputed = imputers(torch.randn(4, 3, 4), kept)
    # as many samples per imputer as the busiest one has
    assert sizes == [(3, 3, 8)]
    assert (imputed[~kept] != 0).any(dim=1).all()


@pytest.mark.parametrize("kind", names("redcore.nn.encoders"))
@pytest.mark.parametrize("is_sequence", [False, True])
def test_every_encoder(kind, is_sequence):
    encoder = build_encoder(kind, 3, is_sequence, SPEC)
    assert encoder_width(encoder, 3, is_sequence) == 8
    assert encoder.training
    values = torch.randn(4, 5, 3) if is_sequence else torch.randn(4, 3)
    output = encoder(values, torch.tensor([1, 5, 2, 3]) if is_sequence else None)
    assert output.shape == (4, 8)
    output.sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in encoder.parameters())


def test_an_encoder_of_the_wrong_shape_is_named():
    with pytest.raises(TypeError, match=r"must return a tensor \(n, width\), got \(1, 1, 3\)"):
        encoder_width(Keeps(), 3, True)


class Keeps(nn.Module):
    def forward(self, values, lengths=None):
        return values


def test_positions_are_an_option():
    values, lengths = torch.randn(1, 4, 3), torch.tensor([4])
    backwards = values.flip(1)
    for positional, same in ((False, True), (True, False)):
        spec = EncoderSpec(8, 1, 2, 2, 0.0, 0.0, positional)
        encoder = build_encoder("transformer", 3, True, spec).eval()
        assert torch.allclose(encoder(values, lengths), encoder(backwards, lengths), atol=1e-6) is same


@pytest.mark.parametrize("kind", TARGETS)
def test_objective(kind):
    target = make_target(kind, 12)
    objective = Objective.fit(target)
    encoded = torch.from_numpy(objective.encode(target))
    logits = torch.randn(12, target.n_outputs)
    outputs = objective.outputs(logits)
    loss = float(objective.loss(logits, encoded))
    if target.is_classification:
        np.testing.assert_allclose(outputs.sum(axis=1), 1)
        expected = -np.log(outputs[np.arange(12), target.values]).mean()
    elif kind == "multilabel":
        expected = -np.where(target.values > 0, np.log(outputs), np.log1p(-outputs)).mean()
    else:
        values = target.values.reshape(12, -1)
        np.testing.assert_allclose(outputs, logits.numpy() * values.std(axis=0) + values.mean(axis=0), rtol=1e-5)
        expected = (((values - outputs) / values.std(axis=0)) ** 2).mean()
    assert loss == pytest.approx(expected, rel=1e-4)


def test_absolute_error_is_an_option():
    target = make_target("regression", 12)
    objective = Objective.fit(target, "absolute")
    encoded = torch.from_numpy(objective.encode(target))
    assert float(objective.loss(torch.zeros(12, 1), encoded)) == pytest.approx(float(encoded.abs().mean()))


def test_a_constant_target_is_predicted():
    objective = Objective.fit(Target.from_numbers(np.full(4, 7.0)))
    np.testing.assert_array_equal(objective.outputs(torch.zeros(2, 1)), [[7.0], [7.0]])


def test_dropout_keeps_the_mean_and_drops_what_it_says():
    values = torch.ones(400, 500)
    for probability in (0.1, 0.5, 0.998):
        dropped = dropout(values, probability)
        assert float((dropped == 0).float().mean()) == pytest.approx(probability, abs=0.004)
        assert float(dropped.mean()) == pytest.approx(1, abs=0.1 if probability > 0.9 else 0.01)
    # neither rows nor columns agree with one another
    dropped = (dropout(values, 0.5) > 0).double()
    assert torch.corrcoef(dropped).fill_diagonal_(0).abs().max() < 0.3
    assert torch.corrcoef(dropped.T).fill_diagonal_(0).abs().max() < 0.3
    assert torch.equal(dropout(values, 0.0), values)


@pytest.mark.parametrize("probability", [0.0, 0.3])
def test_relu_and_dropout_in_one_are_both_of_them(probability):
    values, gradient = torch.randn(30, 40), torch.randn(30, 40)
    kept, scale = keep_mask(values, probability) if probability else (torch.ones_like(values), 1.0)
    expected, found = values.clone().requires_grad_(), values.clone().requires_grad_()
    (expected.relu() * kept * scale).backward(gradient)
    torch.manual_seed(0)
    torch.randn(30, 40), torch.randn(30, 40)
    result, left = dropout_relu(found * 1, probability)
    (result * left).backward(gradient)
    torch.testing.assert_close(result * left, expected.relu() * kept * scale)
    torch.testing.assert_close(found.grad, expected.grad)


def test_sequences_of_a_batch_do_not_see_one_another():
    """Values and gradients of ragged sequences, in several buckets, are those of each sequence alone."""
    lengths = torch.randint(1, 10, (40,))
    encoder = build_encoder("transformer", 4, True, SPEC).eval()
    padded = torch.full((40, 9, 4), float("nan"))
    padded[torch.arange(9) < lengths[:, None]] = torch.randn(int(lengths.sum()), 4)
    padded.requires_grad_()
    direction = torch.randn(40, SPEC.width)
    together = encoder(padded, lengths)
    together.backward(direction)
    for row, length in enumerate(lengths.tolist()):
        alone = padded[row : row + 1, :length].detach().requires_grad_()
        code = encoder(alone, lengths[row : row + 1])
        code.backward(direction[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], code)
        torch.testing.assert_close(padded.grad[row, :length], alone.grad[0])
    assert not padded.grad[torch.arange(9) >= lengths[:, None]].any()


def test_packing_leaves_out_padding_only():
    lengths = torch.randint(1, 10, (70,))
    padded = torch.randn(70, 9, 4) * (torch.arange(9) < lengths[:, None])[..., None]
    packing = Packing.of(lengths, 9)
    packed = packing.pack(padded)
    assert len(packed) == int(lengths.sum())
    assert len(packing.buckets) == 4
    parts = list(zip(packing.buckets, packing.split(packed), strict=True))
    back = torch.cat([bucket.pad(own)[bucket.mask] for bucket, own in parts])
    assert torch.equal(back, packed)
    torch.testing.assert_close(packing.mean(packed), padded.sum(dim=1) / lengths[:, None])
