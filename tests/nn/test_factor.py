"""Imputers by a factor model: exactness, calibration, and training within RedCore."""

import numpy as np
import pytest
import torch

from factories import make_data, tiny
from redcore.datasets import GaussianModel, GaussianSettings
from redcore.methods.redcore import RedCore, RedCoreNetwork, RedCoreSettings
from redcore.nn import FactorImputers, ModalityForm, Objective, collate


def conditional_by_numpy(mean, covariance, values, observed, hidden):
    """Return the mean and the variance of the hidden entries of normal vectors (n, d) given their observed entries."""
    gain = np.linalg.solve(covariance[np.ix_(observed, observed)], covariance[np.ix_(observed, hidden)])
    variance = covariance[np.ix_(hidden, hidden)] - covariance[np.ix_(hidden, observed)] @ gain
    return mean[hidden] + (values[:, observed] - mean[observed]) @ gain, np.diag(variance)


def parameters_of(imputers):
    """Return the mean and the covariance of all codes side by side, in double precision."""
    mean, loadings, log_noise = (p.detach().double().flatten(0, 1).numpy() for p in imputers.parameters())
    return mean, loadings @ loadings.T + np.diag(np.exp(log_noise))


def test_mean_and_variance_are_those_of_the_normal_distribution():
    torch.manual_seed(0)
    imputers = FactorImputers(4, 5, 3)
    for parameter in imputers.parameters():
        torch.nn.init.normal_(parameter)
    codes, kept = torch.randn(12, 4, 5), torch.rand(12, 4) > 0.4
    kept[0] = False
    mean, covariance = parameters_of(imputers)
    imputed, variance = imputers.conditional(codes, kept)
    entries = np.arange(20).reshape(4, 5)
    for row in range(12):
        for m in range(4):
            others = [k for k in range(4) if k != m and kept[row, k]]
            values = codes[row].double().reshape(1, -1).numpy()
            expected = conditional_by_numpy(mean, covariance, values, entries[others].ravel(), entries[m])
            np.testing.assert_allclose(imputed[row, m].detach(), expected[0][0], rtol=1e-3, atol=1e-3)
            np.testing.assert_allclose(variance[row, m].detach(), expected[1], rtol=1e-3)


def test_prediction_imputes_incomplete_samples_only():
    imputers = FactorImputers(3, 4, 2)
    codes, kept = torch.randn(5, 3, 4), torch.tensor([[True, True, True], [True, False, True]] * 2 + [[False] * 3])
    trained = imputers.conditional(codes, kept)
    predicted = imputers.eval().conditional(codes, kept)
    for during, after in zip(trained, predicted, strict=True):
        torch.testing.assert_close(after[~kept], during[~kept])
        assert not after[kept.all(dim=1)].any()


def test_number_of_parameters_is_linear():
    sizes = [sum(p.numel() for p in FactorImputers(n, 8, 4).parameters()) for n in (2, 4, 8)]
    assert sizes == [sizes[0], 2 * sizes[0], 4 * sizes[0]]


@pytest.mark.slow
def test_variance_of_gaussian_data_is_calibrated():
    # within a class the data are normal, with 4 shared and 3 * 3 private factors
    model = GaussianModel.make(GaussianSettings())
    data = model.sample(6000, np.random.default_rng(0))
    values = np.stack([modality.values for modality in data.modalities.values()], axis=1)
    values -= np.stack([model.means[name] for name in model.names], axis=1)[data.target.values]
    train, test = torch.from_numpy(values[:4000]), torch.from_numpy(values[4000:])
    torch.manual_seed(0)
    imputers = FactorImputers(3, 16, 16)
    optimizer = torch.optim.Adam(imputers.parameters(), lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
    for _ in range(400):
        batch = train[torch.randint(len(train), (256,))]
        loss = density_losses(batch, *imputers.conditional(batch, torch.rand(256, 3) > 0.3)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        fitted = imputers.conditional(test, torch.ones(2000, 3, dtype=torch.bool))
    shared = np.concatenate([model.shared[name] for name in model.names])
    covariance = shared @ shared.T + np.eye(48)
    entries = np.arange(48).reshape(3, 16)
    for own, name in zip(entries, model.names, strict=True):
        covariance[np.ix_(own, own)] += model.private[name] @ model.private[name].T
    for m in range(3):
        others = np.delete(entries, m, axis=0).ravel()
        pair = conditional_by_numpy(np.zeros(48), covariance, test.flatten(1).numpy(), others, entries[m])
        expected = density_losses(test[:, m], *map(torch.tensor, pair)).mean()
        actual = density_losses(test, *fitted)[:, m].mean()
        assert expected < actual < expected * 1.02
        squares = (test - fitted[0]).square() / fitted[1]
        assert abs(float(squares[:, m].mean()) - 1) < 0.05


def density_losses(values, mean, variance):
    return ((values - mean).square() / variance + (2 * torch.pi * variance).log()) / 2


def test_redcore_trains_with_variances_and_compares_squared_distances():
    data = make_data("multiclass", 24)
    settings = tiny("redcore", imputer="factor", imputer_factors=2, max_epochs=3)
    model = RedCore(RedCoreSettings.parse(settings)).fit(data, seed=0)
    assert (np.array(model.history.steps[f"imputation_loss/{data.names[0]}"]) > 0).all()
    imputers = model.network.imputers
    assert isinstance(imputers, FactorImputers)
    assert imputers.log_noise.abs().max() > 0
    assert np.isfinite(model.predict(data)).all()


def test_gaussian_imputation_loss_by_hand():
    data = make_data("multiclass", 24)
    objective = Objective.fit(data.target, "squared")
    batch = collate(data, np.arange(data.n_samples), objective.encode(data.target))
    settings = RedCoreSettings.parse(
        tiny("redcore", imputer="factor", imputation_weight=3.0, unimodal_weight=0.0, kl_weight=0.0, balancing="fixed")
    )
    forms = [ModalityForm(name, modality.n_features, 0) for name, modality in data.modalities.items()]
    network = RedCoreNetwork(forms, 3, settings)
    output = network(batch)
    assert output.imputed_variance is not None
    variance, codes = output.imputed_variance, output.codes.sample
    density = torch.distributions.Normal(output.imputed, variance.sqrt()).log_prob(codes)
    constant = 0.5 * np.log(2 * np.pi)
    mean = [-density[:, m][batch.availability[:, m]].mean() - constant for m in range(3)]
    losses = network.losses(output, batch, objective, 0)
    expected = losses["loss/joint"] + 3.0 * sum(mean) / 3**0.5
    torch.testing.assert_close(losses["loss"], expected)
