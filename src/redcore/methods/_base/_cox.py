"""Proportional hazards models of Cox with an elastic net, on one table."""

from typing import Annotated, ClassVar, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from redcore._settings import MethodSettings, Search
from redcore._types import AnyArray
from redcore.data import Target
from redcore.exceptions import SettingsError
from redcore.linear import folds
from redcore.methods._base._survival_table import SurvivalTableMethod, baseline_hazards, structured
from redcore.methods._base._table_method import filled

__all__ = ["CoxSettings", "CoxTableMethod", "fit_cox"]

N_ALPHAS = 50
LEAST_ALPHA = 0.01
"""Smallest strength of the search, as a share of the smallest one at which all coefficients are 0."""

TINY_ALPHA = 1e-30
N_FOLDS = 5
LARGEST_LOG_RISK = 50.0


class CoxSettings(MethodSettings):
    """Settings of Cox models with an elastic net, as in scikit-survival.

    Attributes
    ----------
    alpha : float > 0 or None, default None
        Strength of the penalty. None selects, among 50 values, the one with the largest cross-validated partial
        likelihood in 5 folds (Verweij and van Houwelingen 1993). The largest of them is the smallest value at which
        all coefficients are 0, and the smallest is 1% of it. Folds hold whole groups if the data has groups.
    l1_ratio : float in [0.01, 1], default 0.5
        Share of the L1 penalty.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "alpha": Search(1e-3, 1.0, log=True),
        "l1_ratio": Search(choices=(0.1, 0.5, 0.9, 1.0)),
    }

    alpha: Annotated[float, Field(gt=0)] | None = None
    l1_ratio: Annotated[float, Field(ge=0.01, le=1)] = 0.5


class CoxCurves(nn.Module):
    """Survival curves of one or several Cox models, averaged over the models with observed features.

    Parameters
    ----------
    coefficients : array (n_columns, n_models)
    hazards : array (n_models, n_bins)
        Cumulative baseline hazards.
    """

    coefficients: Tensor
    hazards: Tensor

    def __init__(self, coefficients: AnyArray, hazards: AnyArray) -> None:
        super().__init__()
        self.register_buffer("coefficients", torch.tensor(coefficients, dtype=torch.float64))
        self.register_buffer("hazards", torch.tensor(hazards, dtype=torch.float64))

    def forward(self, columns: Tensor, observed: Tensor) -> Tensor:
        """Return the probabilities of survival at the borders of the time grid, (n_samples, n_bins), double.

        Parameters
        ----------
        columns : tensor (n_samples, n_columns), double
        observed : tensor (n_samples, n_models), double
            1 for the models that are averaged, 0 for the others.
        """
        log_risks = (columns @ self.coefficients).clamp(-LARGEST_LOG_RISK, LARGEST_LOG_RISK)
        curves = (-self.hazards * log_risks.exp()[:, :, None]).exp()
        mean: Tensor = (curves * observed[:, :, None]).sum(dim=1) / observed.sum(dim=1, keepdim=True).clamp(min=1)
        return mean


class CoxTable(nn.Module):
    """Cox models of columns that are computed from a table.

    Parameters
    ----------
    method : CoxTableMethod
        Fitted method, which computes the columns and the weights of the models.
    """

    def __init__(self, method: "CoxTableMethod") -> None:
        super().__init__()
        self.design, self.observed = method.design, method.observed
        self.curves = CoxCurves(method.table_arrays["coefficients"], method.table_arrays["hazards"])

    def forward(self, table: Tensor) -> Tensor:
        """Return the probabilities of survival, (n_samples, n_bins), double."""
        curves: Tensor = self.curves(self.design(table), self.observed(table))
        return curves


class CoxTableMethod(SurvivalTableMethod):
    """Cox model with an elastic net on one table, with mean imputation of missing features.

    Subclasses may override `design`, or `observed` and `_fit_table` for several models.
    """

    Settings: ClassVar[type[MethodSettings]] = CoxSettings

    def design(self, table: Tensor) -> Tensor:
        """Return the columns of the models, (n_samples, n_design_columns); see `LinearTableMethod.design`."""
        return filled(table)

    def observed(self, table: Tensor) -> Tensor:
        """Return 1 for each model that predicts a sample and 0 for the others, double (n_samples, n_models)."""
        return torch.ones((table.shape[0], 1), dtype=torch.float64)

    def prediction_module(self) -> nn.Module:
        """Return the features of the table, then the Cox models; see `Method.prediction_module`."""
        return nn.Sequential(self.features(), CoxTable(self))

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        columns = self.design(torch.from_numpy(table)).numpy()
        coefficients, hazards = fit_cox(columns, target, cast(CoxSettings, self.settings), groups)
        return {"coefficients": coefficients[:, None], "hazards": hazards[None]}

    def _predict_table(self, table: AnyArray) -> AnyArray:
        return np.asarray(CoxTable(self)(torch.from_numpy(table)))


def fit_cox(
    columns: AnyArray, target: Target, settings: CoxSettings, groups: AnyArray | None = None
) -> tuple[AnyArray, AnyArray]:
    """Fit a Cox model with an elastic net.

    Parameters
    ----------
    columns : array (n_samples, n_columns)
    target : Target
        Survival target of the same samples, with a time grid.
    settings : CoxSettings
    groups : array (n_samples,), optional

    Returns
    -------
    coefficients : array (n_columns,)
        Zeros for fewer than 10 samples, or if no event has another sample at risk.
    hazards : array (n_bins,)
        Cumulative baseline hazards at the borders of the time grid.

    Raises
    ------
    SettingsError
        If the fit diverges because `alpha` is too small.
    """
    coefficients = np.zeros(columns.shape[1])
    if len(columns) >= 2 * N_FOLDS and _has_information(target):
        strengths = _strengths(columns, target, settings)
        path = _path(columns, target, strengths, settings.l1_ratio)
        if not path.shape[1]:
            raise SettingsError(
                f"alpha: the Cox model of {len(columns)} samples and {columns.shape[1]} columns diverges at "
                f"{strengths[0]:g}; expected a larger value"
            )
        best = int(np.argmax(_held_out(columns, target, strengths, settings.l1_ratio, groups)[: path.shape[1]]))
        coefficients = path[:, best]
    log_risks = (columns @ coefficients).clip(-LARGEST_LOG_RISK, LARGEST_LOG_RISK)
    return coefficients, baseline_hazards(log_risks, target)


def _has_information(target: Target) -> bool:
    """Return True if a sample has an event while another one is at risk."""
    times, events = target.values.T
    return bool(events.any() and (times >= times[events == 1].min()).sum() > 1)


def _strengths(columns: AnyArray, target: Target, settings: CoxSettings) -> AnyArray:
    """Return the strengths to choose from, decreasing: that of the settings, or those of the search."""
    if settings.alpha is not None:
        return np.array([settings.alpha])
    times, events = target.values.T
    order = np.argsort(times)
    steps = events[order] / np.arange(len(times), 0, -1)[np.searchsorted(times[order], times[order])]
    expected = steps.cumsum()[np.searchsorted(times[order], times, side="right") - 1]
    slopes = np.abs(columns.T @ (events - expected)) / len(columns)
    largest = max(float(slopes.max(initial=0)) / settings.l1_ratio, TINY_ALPHA)
    return np.geomspace(largest, LEAST_ALPHA * largest, N_ALPHAS)


def _path(columns: AnyArray, target: Target, strengths: AnyArray, l1_ratio: float) -> AnyArray:
    """Return the coefficients for each strength, (n_columns, n_fitted); the last ones are left out if they diverge."""
    from sksurv.linear_model import CoxnetSurvivalAnalysis

    while len(strengths):
        try:
            model = CoxnetSurvivalAnalysis(alphas=strengths, l1_ratio=l1_ratio).fit(columns, structured(target))
            return np.asarray(model.coef_)
        except ArithmeticError:
            strengths = strengths[: len(strengths) // 2]
    return np.zeros((columns.shape[1], 0))


def _held_out(
    columns: AnyArray, target: Target, strengths: AnyArray, l1_ratio: float, groups: AnyArray | None
) -> AnyArray:
    """Return the cross-validated partial log-likelihood of each strength, (n_strengths,); -inf if a fit diverges."""
    total = np.zeros(len(strengths))
    if len(strengths) == 1:
        return total
    for held_out in folds(len(columns), groups, N_FOLDS):
        rows = np.flatnonzero(~held_out)
        train = target.take(rows)
        if not _has_information(train):
            continue
        log_risks = columns @ _path(columns[rows], train, strengths, l1_ratio)
        gains = _partial_likelihoods(log_risks, target) - _partial_likelihoods(log_risks[rows], train)
        total[: len(gains)] += gains
        total[len(gains) :] = -np.inf
    return total


def _partial_likelihoods(log_risks: AnyArray, target: Target) -> AnyArray:
    """Return the partial log-likelihoods of several models, (n_models,), for log hazard ratios (n_samples, n_models).

    Ties are treated as by Breslow.
    """
    times, events = target.values.T
    order = np.argsort(times)
    times, events, log_risks = times[order], events[order], log_risks[order]
    at_risk = np.logaddexp.accumulate(log_risks[::-1], axis=0)[::-1]
    return np.asarray(events @ (log_risks - at_risk[np.searchsorted(times, times)]))
