"""PyTorch modules compared with their formulas."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from factories import TARGETS, make_target
from redcore._discovery import names
from redcore.data import Target
from redcore.exceptions import EncoderError
from redcore.nn import (
    ConcatenatingImputers,
    CrossModalImputer,
    FactorImputers,
    GaussianBottleneck,
    Head,
    ModalityForm,
    Objective,
    PooledImputers,
    StackedHead,
    choose_codes,
    kl_to_standard_normal,
)
from redcore.nn._dropout import dropout, dropout_relu, keep_mask
from redcore.nn._imputer import MANY_SAMPLES
from redcore.nn._packing import Packing
from redcore.nn.encoders import EncoderSpec, build_encoder, encoder_width, readable_inputs
from redcore.nn.encoders.transformer import patches
from redcore.testing import ENCODERS, EncoderSubject

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


def test_bottleneck_samples_in_training_mode_only():
    bottleneck = GaussianBottleneck(4, 2)
    hidden = torch.ones(20000, 4)
    code = bottleneck(hidden)
    deviation = (code.sample - code.mean).std(dim=0)
    torch.testing.assert_close(deviation, torch.exp(code.logvar[0] / 2), rtol=0.03, atol=0)
    assert torch.equal(bottleneck.eval()(hidden).sample, bottleneck(hidden).mean)


def test_bottleneck_without_noise():
    bottleneck = GaussianBottleneck(4, 2, noise=False).train()
    code = bottleneck(torch.ones(3, 4))
    assert torch.equal(code.sample, code.mean)


def test_identity_bottleneck_returns_its_input_with_unit_variance():
    hidden = torch.randn(5, 3, 4)
    code = GaussianBottleneck(4, 4, n_modalities=3, identity=True)(hidden)
    assert torch.equal(code.mean, hidden)
    assert not code.logvar.any()


def test_bottleneck_is_finite_on_huge_inputs():
    code = GaussianBottleneck(4, 2)(torch.full((3, 4), 1e18))
    assert torch.isfinite(code.sample).all()
    assert torch.isfinite(code.logvar.exp()).all()


def test_imputer_follows_the_recursion_of_the_paper():
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


def test_imputer_without_autoencoders_is_the_transition_network():
    imputer = CrossModalImputer(6, 4, hidden=(5,), n_blocks=0)
    x = torch.randn(2, 6)
    torch.testing.assert_close(imputer(x), imputer.transition(x))


IMPUTERS = [
    lambda: ConcatenatingImputers(3, 4, (5,), 1),
    lambda: PooledImputers(3, 4, 6, 2),
    lambda: FactorImputers(3, 4, 2),
]


@pytest.mark.parametrize("build", IMPUTERS)
def test_imputers_accept_an_empty_batch(build):
    codes = torch.zeros(0, 3, 4, requires_grad=True)
    imputed = build()(codes, torch.zeros(0, 3, dtype=torch.bool))
    assert imputed.shape == (0, 3, 4)
    imputed.sum().backward()
    assert codes.grad is not None


@pytest.mark.parametrize("build", IMPUTERS)
def test_imputed_codes_do_not_depend_on_the_own_modality(build):
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
def test_concatenating_imputers_equal_separate_imputers(training):
    together = ConcatenatingImputers(3, 4, (5, 3), 2).train(training)
    codes, kept = torch.randn(6, 3, 4), torch.rand(6, 3) > 0.5
    imputed = together(codes, kept)
    for m in range(3):
        alone = CrossModalImputer(8, 4, (5, 3), 2)
        alone.load_state_dict({name: value[m] for name, value in together.stacked.state_dict().items()})
        others = codes[:, [k for k in range(3) if k != m]].flatten(1)
        rows = torch.ones(6, dtype=torch.bool) if training else ~kept[:, m]
        torch.testing.assert_close(imputed[rows, m], alone(others)[rows])


def test_stacked_head_equals_separate_heads():
    together = StackedHead(3, 4, 2, (5,), 0.0)
    codes = torch.randn(6, 3, 4)
    for m in range(3):
        alone = Head(4, 2, (5,), 0.0)
        alone.load_state_dict({name: value[m] for name, value in together.state_dict().items()})
        torch.testing.assert_close(together(codes)[:, m], alone(codes[:, m]))


def test_pooled_imputers_follow_their_formula():
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


def test_pooled_imputers_compute_many_samples_modality_by_modality(monkeypatch):
    imputers = PooledImputers(3, 4, 6, 2).eval()
    nn.init.normal_(imputers.affinity)
    codes, kept = torch.randn(2 * MANY_SAMPLES, 3, 4), torch.rand(2 * MANY_SAMPLES, 3) > 0.4
    kept[:, 2] = True
    expected = imputers(codes, kept)
    sizes = []

    def pooled(messages):
        sizes.append(len(messages))
        return PooledImputers._pool(imputers, messages)

    monkeypatch.setattr(imputers, "_pool", pooled)
    with torch.inference_mode():
        imputed = imputers(codes, kept)
        imputers(codes[:5], kept[:5])
    assert sizes[0] == 2 * MANY_SAMPLES
    assert sizes[1] <= 5
    torch.testing.assert_close(imputed[~kept], expected[~kept], rtol=1e-6, atol=1e-6)
    assert not imputed[kept].any()


@pytest.mark.parametrize("dtypes", [(torch.float32, torch.float32), (torch.float32, torch.bfloat16)])
def test_choice_of_codes_equals_where(dtypes):
    observed, others = (torch.randn(5, 3, 4).to(dtype).requires_grad_() for dtype in dtypes)
    kept = torch.rand(5, 3) > 0.5
    chosen, expected = choose_codes(kept, observed, others), torch.where(kept[..., None], observed, others)
    assert chosen.dtype == expected.dtype
    assert torch.equal(chosen, expected)
    slope = torch.randn(5, 3, 4)
    gradients = [torch.autograd.grad(result, (observed, others), slope) for result in (chosen, expected)]
    for got, wanted in zip(*gradients, strict=True):
        assert torch.equal(got, wanted)


def test_number_of_parameters_of_pooled_imputers_is_linear():
    def size(n):
        imputers = PooledImputers(n, 32, 64, 8)
        return sum(p.numel() for p in imputers.parameters()) - imputers.affinity.numel()

    assert size(24) - size(12) == 2 * (size(12) - size(6))


def test_imputers_process_incomplete_samples_only_in_evaluation_mode():
    imputers = ConcatenatingImputers(3, 4, (5,), 1).eval()
    sizes = []
    imputers.stacked.transition.register_forward_hook(lambda _, inputs, __: sizes.append(inputs[0].shape))
    kept = torch.tensor([[True, True, False], [True, False, False], [True, True, True], [True, True, False]])
    imputed = imputers(torch.randn(4, 3, 4), kept)
    # all imputers process the same number of samples, the maximum over modalities
    assert sizes == [(3, 3, 8)]
    assert (imputed[~kept] != 0).any(dim=1).all()


@pytest.mark.parametrize("kind", names("redcore.nn.encoders"))
@pytest.mark.parametrize("clause", ENCODERS.clauses)
def test_contract_of_encoders(kind, clause):
    ENCODERS.check_clause(clause, EncoderSubject(kind))


@pytest.mark.parametrize("kind", names("redcore.nn.encoders"))
@pytest.mark.parametrize("inputs", ["images", "token ids"])
def test_encoders_that_do_not_read_these_values_are_named(kind, inputs):
    spec = replace(SPEC, shape=(2, 9, 7) if inputs == "images" else None, n_tokens=6 * (inputs == "token ids"))
    readable = readable_inputs(kind)
    if inputs in readable:
        pytest.skip("covered by the contract")
    if inputs == "token ids" and "sequences" in readable:
        encoder = build_encoder(kind, 1, 5, spec)
        assert encoder(torch.tensor([[2, 6, 1], [4, 0, 0]]), torch.tensor([3, 1])).shape == (2, 8)
        return
    with pytest.raises(EncoderError, match=f"reads {' and '.join(readable)}, got {inputs}"):
        build_encoder(kind, 1, 5, spec)


def test_wrong_output_shape_of_an_encoder():
    with pytest.raises(TypeError, match=r"expected \(2, width\), got \(2, 1, 3\)"):
        encoder_width(Identity(), ModalityForm("audio", 3, 1))


class Identity(nn.Module):
    def forward(self, values, lengths=None):
        return values


def test_positional_encoding_is_optional():
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


def test_absolute_error():
    target = make_target("regression", 12)
    objective = Objective.fit(target, "absolute")
    encoded = torch.from_numpy(objective.encode(target))
    assert float(objective.loss(torch.zeros(12, 1), encoded)) == pytest.approx(float(encoded.abs().mean()))


def test_a_constant_target_is_predicted():
    objective = Objective.fit(Target.from_numbers(np.full(4, 7.0)))
    np.testing.assert_array_equal(objective.outputs(torch.zeros(2, 1)), [[7.0], [7.0]])


def test_dropout_has_the_given_rate_and_preserves_the_mean():
    values = torch.ones(400, 500)
    for probability in (0.1, 0.5, 0.998):
        dropped = dropout(values, probability)
        assert float((dropped == 0).float().mean()) == pytest.approx(probability, abs=0.004)
        assert float(dropped.mean()) == pytest.approx(1, abs=0.1 if probability > 0.9 else 0.01)
    # masks are uncorrelated over rows and columns
    dropped = (dropout(values, 0.5) > 0).double()
    assert torch.corrcoef(dropped).fill_diagonal_(0).abs().max() < 0.3
    assert torch.corrcoef(dropped.T).fill_diagonal_(0).abs().max() < 0.3
    assert torch.equal(dropout(values, 0.0), values)


@pytest.mark.parametrize("probability", [0.0, 0.3])
def test_dropout_relu_equals_relu_and_dropout(probability):
    values, gradient = torch.randn(30, 40), torch.randn(30, 40)
    kept, scale = keep_mask(values.shape, probability) if probability else (torch.ones_like(values), 1.0)
    expected, inputs = values.clone().requires_grad_(), values.clone().requires_grad_()
    (expected.relu() * kept * scale).backward(gradient)
    torch.manual_seed(0)
    torch.randn(30, 40), torch.randn(30, 40)
    result, factor = dropout_relu(inputs * 1, probability)
    (result * factor).backward(gradient)
    torch.testing.assert_close(result * factor, expected.relu() * kept * scale)
    torch.testing.assert_close(inputs.grad, expected.grad)


def test_sequences_of_a_batch_are_independent():
    """Codes and gradients of sequences of different lengths equal those of each sequence encoded alone."""
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


def test_packing_removes_padding_only():
    lengths = torch.randint(1, 10, (70,))
    padded = torch.randn(70, 9, 4) * (torch.arange(9) < lengths[:, None])[..., None]
    packing = Packing.of(lengths, 9)
    packed = packing.pack(padded)
    assert len(packed) == int(lengths.sum())
    assert len(packing.buckets) == 4
    parts = list(zip(packing.buckets, packing.split(packed), strict=True))
    unpadded = torch.cat([bucket.pad(steps)[bucket.mask] for bucket, steps in parts])
    assert torch.equal(unpadded, packed)
    torch.testing.assert_close(packing.mean(packed), padded.sum(dim=1) / lengths[:, None])


def test_a_long_sequence_is_read_in_patches():
    spec = replace(SPEC, max_steps=8)
    torch.manual_seed(0)
    long, short = (build_encoder("transformer", 3, n_steps, spec).eval() for n_steps in (20, 8))
    assert (long.patch, short.patch) == (3, 1)
    values = torch.randn(2, 7, 3)
    joined = patches(values, 3)
    assert joined.shape == (2, 3, 9)
    torch.testing.assert_close(joined[:, 1, 3:6], values[:, 4])
    assert not joined[:, 2, 3:].any()
    # neither padding nor the other sequences of the batch change a code
    lengths = torch.tensor([7, 4])
    padded = values * (torch.arange(7)[None, :, None] < lengths[:, None, None])
    both = long(padded, lengths)
    torch.testing.assert_close(long(values[1:, :4], torch.tensor([4])), both[1:])
