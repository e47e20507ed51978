"""Statistics of scores over several data sets: ranks and tests."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import friedmanchisquare, rankdata, studentized_range, wilcoxon

from redcore._types import AnyArray

__all__ = [
    "BayesianTest",
    "Friedman",
    "bayesian_signed_rank",
    "critical_difference",
    "friedman",
    "rank_groups",
    "signed_rank",
]

MIN_BLOCKS = 6
PRIOR_STRENGTH = 0.5
POSTERIOR_DRAWS = 20_000


@dataclass(frozen=True)
class Friedman:
    """Result of Friedman's test for differences between methods over blocks (data sets and protocols).

    Attributes
    ----------
    mean_ranks : tuple of float
        Mean rank per method. Rank 1 is best, and ties get their mean rank.
    n_blocks : int
    statistic, p_value : float or None
        Friedman's chi-squared test with tie correction. None with fewer than three methods or two blocks, or if all
        methods have equal ranks in every block.
    critical_difference : float
        Critical difference of mean ranks at level 0.05; see `critical_difference`.
    """

    mean_ranks: tuple[float, ...]
    n_blocks: int
    statistic: float | None
    p_value: float | None
    critical_difference: float


@dataclass(frozen=True)
class BayesianTest:
    """Posterior probabilities of the Bayesian signed-rank test. They add up to 1.

    Attributes
    ----------
    worse, equivalent, better : float
        Probability that the difference is below, inside and above the region of practical equivalence.
    rope : float
        Half the width of this region: differences within [-rope, rope] count as equivalent.
    """

    worse: float
    equivalent: float
    better: float
    rope: float


def bayesian_signed_rank(differences: Sequence[float] | AnyArray, rope: float, seed: int = 0) -> BayesianTest:
    r"""Return the posterior probabilities that a method is worse, equivalent and better over data sets.

    The differences :math:`z_1, ..., z_q` are a sample from an unknown distribution with a Dirichlet-process prior of
    strength s = 0.5 and one pseudo-observation :math:`z_0 = 0`. The posterior is given by weights
    :math:`(w_0, ..., w_q) \sim \mathrm{Dir}(s, 1, ..., 1)`. With the region of practical equivalence [-r, r],

    .. math:: \theta_{+} = \sum_{i,j} w_i w_j I(z_i + z_j > 2 r), \quad
        \theta_{0} = \sum_{i,j} w_i w_j I(|z_i + z_j| \le 2 r), \quad
        \theta_{-} = \sum_{i,j} w_i w_j I(z_i + z_j < -2 r),

    and the probability of "better" is the share of posterior draws in which :math:`\theta_{+}` is the largest of the
    three (Benavoli et al. 2014, A Bayesian Wilcoxon signed-rank test based on the Dirichlet process; Benavoli et al.
    2017, Time for a change, JMLR 18(77)). Unlike a p-value, the probabilities are defined for any number of data sets,
    and can state that two methods are equivalent.

    Parameters
    ----------
    differences : array (n_data_sets,)
    rope : float
        Half the width of the region of practical equivalence, at least 0.
    seed : int
        Seed of the posterior draws.

    Examples
    --------
    >>> test = bayesian_signed_rank([0.03, 0.02, 0.05, 0.04, 0.03], rope=0.01)
    >>> test.better > 0.95
    True
    """
    values = np.array([0.0, *differences])
    sums = values[:, None] + values[None, :]
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet([PRIOR_STRENGTH] + [1.0] * (len(values) - 1), size=POSTERIOR_DRAWS)
    # rounding: a sum equal to the border belongs to the region
    border = 2 * rope + 1e-12
    regions = (sums < -border, np.abs(sums) <= border, sums > border)
    shares = np.stack([((weights @ region) * weights).sum(axis=1) for region in regions])
    is_largest = shares == shares.max(axis=0)
    worse, equivalent, better = (is_largest / is_largest.sum(axis=0)).mean(axis=1).tolist()
    return BayesianTest(worse, equivalent, better, rope)


def friedman(scores: AnyArray) -> Friedman:
    """Rank methods within blocks and test for differences between them (Friedman 1937; Demšar 2006).

    Parameters
    ----------
    scores : array (n_blocks, n_methods)
        Higher is better.

    Examples
    --------
    >>> friedman(np.array([[0.9, 0.8, 0.1], [0.8, 0.7, 0.2], [0.7, 0.9, 0.3]])).mean_ranks
    (1.3333333333333333, 1.6666666666666667, 3.0)
    """
    n_blocks, n_methods = scores.shape
    ranks = rankdata(-scores, axis=1)
    statistic = p_value = None
    if n_methods >= 3 and n_blocks >= 2 and np.ptp(ranks) > 0:
        statistic, p_value = map(float, friedmanchisquare(*scores.T))
    means = tuple(ranks.mean(axis=0).tolist())
    return Friedman(means, n_blocks, statistic, p_value, critical_difference(n_methods, n_blocks))


def critical_difference(n_methods: int, n_blocks: int, alpha: float = 0.05) -> float:
    """Return the smallest significant difference between two mean ranks at level `alpha` (Nemenyi 1963; Demšar 2006).

    Examples
    --------
    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    if n_methods < 2:
        return 0.0
    quantile = float(studentized_range.ppf(1 - alpha, n_methods, np.inf)) / np.sqrt(2)
    return float(quantile * np.sqrt(n_methods * (n_methods + 1) / (6 * n_blocks)))


def rank_groups(mean_ranks: Sequence[float], difference: float) -> list[tuple[int, ...]]:
    """Return the maximal groups of methods whose mean ranks differ by at most `difference`, as tuples of indices.

    These are the bars of a critical-difference diagram. Groups of a single method are omitted.

    Examples
    --------
    >>> rank_groups([1.0, 1.5, 3.0, 2.2], 1.0)
    [(0, 1), (1, 3), (3, 2)]
    """
    order = np.argsort(mean_ranks, kind="stable").tolist()
    groups: list[tuple[int, ...]] = []
    last = 0
    for start in range(len(order)):
        end = max(k for k in range(start, len(order)) if mean_ranks[order[k]] - mean_ranks[order[start]] <= difference)
        if end > start and end > last:
            groups.append(tuple(order[start : end + 1]))
        last = max(last, end)
    return groups


def signed_rank(differences: Sequence[float] | AnyArray) -> float | None:
    """Return the p-value of Wilcoxon's signed-rank test, or None with fewer than six differences or if all are 0.

    With five differences, no result can be significant at level 0.05.
    """
    differences = np.asarray(differences, dtype=np.float64)
    if len(differences) < MIN_BLOCKS or not (differences != 0).any():
        return None
    return float(wilcoxon(differences).pvalue)
