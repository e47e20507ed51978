"""Components of published methods: neighbour bank, aggregation, learning factors, flows and product of experts."""

import pytest
import torch

from redcore.exceptions import SettingsError
from redcore.methods import make_method
from redcore.methods.dicmor import Flow
from redcore.methods.m3care import Aggregation, NeighbourBank
from redcore.methods.mce import LearningFactors
from redcore.nn import product_of_gaussians


@pytest.mark.parametrize("name", ["dicmor", "m3care", "mce"])
def test_attention_heads_must_divide_the_width(name):
    with pytest.raises(SettingsError, match="latent_dim 10 is not a multiple of encoder_heads 4"):
        make_method(name, settings={"latent_dim": 10, "encoder": "mlp"})


def test_bank_stores_the_latest_samples_and_excludes_a_sample_itself():
    bank = NeighbourBank(4, 2, 3).train()
    first, second = torch.ones(3, 2, 3), torch.full((2, 2, 3), 2.0)
    observed = torch.ones(3, 2, dtype=torch.bool)
    codes, neighbours_observed, readable = bank(first, observed)
    assert codes.shape == (7, 2, 3)
    assert not neighbours_observed[:4].any()
    assert readable[:, 4:].equal(~torch.eye(3, dtype=torch.bool))
    bank(second, observed[:2])
    assert bank.codes[:, 0, 0].tolist() == [1, 1, 2, 2]
    before = bank.codes.clone()
    bank.eval()(first, observed)
    assert bank.codes.equal(before)


def test_aggregation_uses_neighbours_that_observe_the_modality():
    torch.manual_seed(0)
    aggregate = Aggregation(2, 3)
    codes = torch.randn(1, 2, 3)
    kept = torch.tensor([[True, False]])
    others = torch.stack([codes[0], codes[0] + 5])
    readable = torch.ones(1, 2, dtype=torch.bool)
    observed = torch.tensor([[True, True], [True, False]])
    torch.testing.assert_close(aggregate(codes, kept, others, observed, readable)[0, 1], others[0, 1])
    unobserved = torch.tensor([[True, False], [True, False]])
    assert (aggregate(codes, kept, others, unobserved, readable)[0, 1] == 0).all()


def test_factors_are_larger_for_rare_and_underused_modalities():
    factors = LearningFactors(3, smoothing=1.0)
    unknown = torch.full((3,), float("nan"))
    rare = factors.update(torch.tensor([1.0, 1.0, 0.25]), unknown)
    torch.testing.assert_close(rare, torch.tensor([0.5, 0.5, 2.0]))
    underused = factors.update(torch.ones(3), torch.tensor([-1.0, 0.0, 1.0]))
    assert underused[0] == underused[1] < underused[2]
    torch.testing.assert_close(underused.mean(), torch.tensor(1.0))


@pytest.mark.parametrize("width", [1, 5, 8])
def test_flow_is_invertible_with_the_correct_determinant(width):
    torch.manual_seed(0)
    flow = Flow(2, width, 3).double()
    for parameter in flow.parameters():
        parameter.data.normal_(std=0.5)
    codes = torch.randn(4, 2, width, dtype=torch.float64)
    latents, logdet = flow(codes)
    torch.testing.assert_close(flow.inverse(latents), codes)
    jacobian = torch.autograd.functional.jacobian(lambda code: flow(code[None].expand(1, 2, -1))[0][0, 1], codes[2, 1])
    torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, logdet[2, 1])


def test_product_of_gaussians():
    means, logvars = torch.tensor([[[2.0], [100.0]]]), torch.zeros(1, 2, 1)
    mean, logvar = product_of_gaussians(means, logvars, torch.tensor([[True, False]]))
    torch.testing.assert_close(mean, torch.tensor([[1.0]]))
    torch.testing.assert_close(logvar.exp(), torch.tensor([[0.5]]))
