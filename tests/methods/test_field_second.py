"""Methods of the field that fill or share a latent: they learn, their losses are finite, predictions stand alone."""

import numpy as np
import pytest
import torch

from factories import make_data, tiny
from redcore.data import MultimodalData, Target
from redcore.datasets import load_dataset
from redcore.exceptions import SettingsError
from redcore.methods import make_method, method_class
from redcore.methods.dicmor import Flow
from redcore.methods.m3care import Aggregation, NeighbourBank
from redcore.methods.mce import LearningFactors
from redcore.metrics import evaluate_patterns
from redcore.missing import ampute
from redcore.nn._latent import product_of_gaussians

FIELD = {
    "dicmor": {"loss/flow", "loss/recovery"},
    "m3care": set(),
    "mce": {"loss/subset", "loss/completion", "loss/unimodal", "learning_factor/pixels"},
    "mopoe": {"loss/reconstruction", "loss/kl"},
    "mvtcae": {"loss/reconstruction", "loss/kl", "loss/conditional_kl"},
}

every_method = pytest.mark.parametrize("name", FIELD)


@pytest.fixture(scope="module")
def digits():
    data = load_dataset("digits")
    rates = dict(zip(data.names, (0.2, 0.5, 0.8, 0.5), strict=True))
    return ampute(data.part("train"), "imbalanced", rates, np.random.default_rng(0)), data.part("test")


@every_method
def test_learns_digits_with_holes(name, digits):
    train, test = digits
    model = make_method(name, settings={"max_epochs": 15}).fit(train, seed=0)
    report = evaluate_patterns(model.predict, test)
    # chance is 0.1
    assert np.mean([scores["macro_f1"] for scores in report.per_pattern.values()]) > 0.7
    assert FIELD[name] <= set(model.history.steps)
    assert all(np.isfinite(values).all() for values in model.history.steps.values())


@every_method
@pytest.mark.parametrize("n_modalities", [1, 12])
def test_any_number_of_modalities(name, n_modalities):
    rng = np.random.default_rng(0)
    arrays = {f"m{k}": rng.standard_normal((30, 3)) for k in range(n_modalities)}
    availability = rng.random((30, n_modalities)) > 0.3
    availability[:, 0] = True
    data = MultimodalData.from_arrays(arrays, Target.from_labels(np.arange(30) % 2), availability=availability)
    model = make_method(name, settings=tiny(name)).fit(data)
    assert np.isfinite(model.predict(data)).all()
    assert all(np.isfinite(values).all() for values in model.history.steps.values())


@every_method
def test_predictions_do_not_depend_on_what_is_predicted_beside_them(name):
    data = make_data(n_samples=60)
    model = make_method(name, settings=tiny(name, max_epochs=4)).fit(data)
    together = model.predict(data)
    for rows in (np.arange(0, 60, 7), np.array([3]), np.array([5, 5, 5, 41])):
        np.testing.assert_allclose(model.predict(data.take(rows)), together[rows], rtol=1e-4, atol=1e-6)


@every_method
def test_where_it_comes_from_is_stated(name):
    source = __import__(method_class(name).__module__, fromlist=["SOURCE"]).SOURCE
    assert "from the paper" in source


@pytest.mark.parametrize("name", ["dicmor", "m3care", "mce"])
def test_attention_heads_must_divide_the_width_whatever_the_encoder(name):
    with pytest.raises(SettingsError, match="latent_dim 10 is not a multiple of encoder_heads 4"):
        make_method(name, settings={"latent_dim": 10, "encoder": "mlp"})


def test_bank_keeps_the_latest_and_a_sample_does_not_read_itself():
    bank = NeighbourBank(4, 2, 3).train()
    first, second = torch.ones(3, 2, 3), torch.full((2, 2, 3), 2.0)
    observed = torch.ones(3, 2, dtype=torch.bool)
    codes, seen, readable = bank(first, observed)
    assert codes.shape == (7, 2, 3)
    assert not seen[:4].any()
    assert readable[:, 4:].equal(~torch.eye(3, dtype=torch.bool))
    bank(second, observed[:2])
    assert bank.codes[:, 0, 0].tolist() == [1, 1, 2, 2]
    before = bank.codes.clone()
    bank.eval()(first, observed)
    assert bank.codes.equal(before)


def test_aggregation_reads_only_who_observes_the_modality():
    torch.manual_seed(0)
    aggregate = Aggregation(2, 3)
    codes = torch.randn(1, 2, 3)
    kept = torch.tensor([[True, False]])
    others = torch.stack([codes[0], codes[0] + 5])
    readable = torch.ones(1, 2, dtype=torch.bool)
    observed = torch.tensor([[True, True], [True, False]])
    torch.testing.assert_close(aggregate(codes, kept, others, observed, readable)[0, 1], others[0, 1])
    nobody = torch.tensor([[True, False], [True, False]])
    assert (aggregate(codes, kept, others, nobody, readable)[0, 1] == 0).all()


def test_factors_favour_the_rare_and_the_underused():
    factors = LearningFactors(3, smoothing=1.0)
    unknown = torch.full((3,), float("nan"))
    rare = factors.update(torch.tensor([1.0, 1.0, 0.25]), unknown)
    torch.testing.assert_close(rare, torch.tensor([0.5, 0.5, 2.0]))
    underused = factors.update(torch.ones(3), torch.tensor([-1.0, 0.0, 1.0]))
    assert underused[0] == underused[1] < underused[2]
    torch.testing.assert_close(underused.mean(), torch.tensor(1.0))


@pytest.mark.parametrize("width", [1, 5, 8])
def test_flow_is_invertible_and_knows_its_determinant(width):
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
