"""Components of published methods: neighbour bank, aggregation, learning factors, flows and product of experts."""

import pytest
import torch

from redcore.exceptions import SettingsError
from redcore.methods import make_method
from redcore.methods.dicmor import Flow
from redcore.methods.dymo import ClassPrototypes, DyMoNetwork, DyMoSettings
from redcore.methods.if_mmin import central_moment_discrepancy
from redcore.methods.m3care import Aggregation, NeighbourBank
from redcore.methods.mce import LearningFactors
from redcore.methods.tate import CommonFeatures, TATENetwork, TATESettings
from redcore.nn import CascadeAutoencoder, ModalityForm, product_of_gaussians


@pytest.mark.parametrize("name", ["dicmor", "dymo", "late_fusion_transformer", "m3care", "mce", "tate"])
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


def test_prototypes_are_the_class_means_of_the_previous_epoch():
    prototypes = ClassPrototypes(n_modalities=2, n_classes=3, width=2)
    east, north = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    features = torch.stack([east, north, north])
    classes, sizes = torch.tensor([0, 1, 0]), torch.tensor([1, 2, 2])
    prototypes.update(features, classes, sizes, ends_epoch=False)
    assert not prototypes.known.any()
    prototypes.update(features, classes, sizes, ends_epoch=True)
    assert prototypes.known.tolist() == [True, True, False]
    torch.testing.assert_close(prototypes.prototypes[:2], torch.stack([(east + north) / 2, north]))
    torch.testing.assert_close(prototypes.means[2, 0], north)
    assert not prototypes.spread.any()
    # class 1 is more similar to `north`; without a spread, the calibration is 1
    quality, typical = prototypes.quality(north[None], torch.tensor([2]))
    torch.testing.assert_close(quality, torch.tensor([5.0, 10.0, -10.0]).softmax(0)[1:2])
    assert typical.item() == pytest.approx(1, abs=1e-5)
    prototypes.update(torch.stack([east, north]), torch.tensor([1, 1]), torch.tensor([2, 2]), ends_epoch=True)
    # the distances to the previous mean `north` are 1 and 0
    assert prototypes.spread[2, 1].item() == pytest.approx(0.5**0.5)
    assert prototypes.known.tolist() == [False, True, False]


def test_imputed_modalities_are_selected_while_the_reward_is_positive(monkeypatch):
    settings = DyMoSettings(latent_dim=8, encoder_heads=2)
    network = DyMoNetwork([ModalityForm(f"m{k}", 3, 0) for k in range(4)], 2, settings, 2).eval()
    # quality as a function of the observed modalities: 1 and then 2 help, 3 harms
    gains = torch.tensor([0.0, 0.3, 0.1, -0.2])

    def quality(tokens, kept):
        return 0.4 + kept.float() @ gains, torch.full((len(kept),), 0.5)

    monkeypatch.setattr(network, "_quality", quality)
    kept = torch.tensor([[True, False, False, False], [True, True, True, True], [True, False, True, False]])
    selected = network._selected(torch.zeros(3, 4, 8), kept)
    assert selected.int().tolist() == [[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 0]]


def test_untypical_features_reduce_the_reward(monkeypatch):
    settings = DyMoSettings(latent_dim=8, encoder_heads=2)
    network = DyMoNetwork([ModalityForm("a", 3, 0), ModalityForm("b", 3, 0)], 2, settings, 2).eval()
    typical = 0.5

    def quality(tokens, kept):
        added = kept[:, 1].float()
        return 0.6 + 0.1 * added, 0.5 - (0.5 - typical) * added

    monkeypatch.setattr(network, "_quality", quality)
    kept, tokens = torch.tensor([[True, False]]), torch.zeros(1, 2, 8)
    assert network._selected(tokens, kept).all()
    # log 0.5 / log 0.3 * 0.7 is less than 0.6
    typical = 0.3
    assert not network._selected(tokens, kept).all()


def test_moment_discrepancy_by_hand():
    first = torch.tensor([[0.0], [0.2], [0.4]])
    assert central_moment_discrepancy(first, first).item() == pytest.approx(0, abs=1e-5)
    # a shift changes the mean only
    assert central_moment_discrepancy(first, first + 0.5).item() == pytest.approx(0.5, abs=1e-5)
    # twice the spread: the variances are 0.08 / 3 and 0.32 / 3, the fourth moments 0.0032 / 3 and 0.0512 / 3
    wide = 2 * first - 0.2
    expected = 0.24 / 3 + 0.048 / 3
    assert central_moment_discrepancy(first, wide).item() == pytest.approx(expected, abs=1e-5)


def test_cascade_adds_the_outputs_of_the_previous_autoencoders():
    torch.manual_seed(0)
    cascade = CascadeAutoencoder(4, (3,), 2)
    values = torch.randn(5, 4)
    outputs, inner = cascade(values)
    first = cascade.up[0](cascade.down[0](values))
    second = cascade.up[1](cascade.down[1](values + first))
    torch.testing.assert_close(outputs, first + second)
    assert inner.shape == (5, 6)
    with_transition = CascadeAutoencoder(4, (3,), 2, transition=True)
    with_transition.load_state_dict(cascade.state_dict(), strict=False)
    transition = with_transition.transition
    assert transition is not None
    torch.testing.assert_close(with_transition(values)[0], transition(values + first + second))


def test_modalities_of_a_pair_share_a_projection():
    torch.manual_seed(0)
    common = CommonFeatures(3, 8)
    code = torch.randn(1, 8)
    features = common(code[:, None].expand(1, 3, 8)).view(3, 2, 4)
    # pairs of modality 0: (0, 1) and (0, 2); of 1: (0, 1) and (1, 2); of 2: (0, 2) and (1, 2)
    torch.testing.assert_close(features[0, 0], features[1, 0])
    torch.testing.assert_close(features[0, 1], features[2, 0])
    torch.testing.assert_close(features[1, 1], features[2, 1])
    assert not torch.allclose(features[0, 0], features[0, 1])


def test_tags_state_which_modalities_are_missing():
    network = TATENetwork(
        [ModalityForm(f"m{k}", 3, 0) for k in range(3)], 2, TATESettings(latent_dim=8, encoder_heads=2)
    )
    kept = torch.tensor([[True, True, True], [True, False, True], [False, False, True]])
    _, tags = network.tagged_tokens(torch.zeros(3, 3, 8), kept)
    assert tags.int().tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 1, 0]]
