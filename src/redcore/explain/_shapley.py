"""Exact or sampled Shapley values and pairwise Shapley interaction indices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray

__all__ = ["EXACT_UP_TO", "ShapleyValues", "all_teams", "exact_values", "random_orders", "sampled_values", "shapley"]

Game = Callable[[frozenset[str]], float]
"""Value function of a cooperative game, from sets of players to real numbers."""

Evaluate = Callable[[BoolArray], AnyArray]
"""Values of teams, bool (n_teams, n_players) with True for the members, as an array (n_teams, ...)."""

EXACT_UP_TO = 10
"""Maximum number of players M for which all ``2**M`` sets are evaluated."""


@dataclass(frozen=True)
class ShapleyValues:
    """Shapley values and Shapley interaction indices of pairs.

    A player is a modality, and ``v(S)`` is the score with only the modalities S available. The values add up to
    ``v(all) - v(none)``. A positive interaction means that the joint contribution of two players
    is larger than the sum of their separate contributions. A negative one means that their contributions are redundant.

    Attributes
    ----------
    values : dict of str to float
        Shapley value of each player.
    errors : dict of str to float or None
        Standard errors of sampled values; None if the values are exact.
    interactions : dict of (str, str) to float
        Shapley interaction index of each pair.
    interaction_errors : dict of (str, str) to float or None
        Standard errors of sampled interactions; None if they are exact.
    """

    values: dict[str, float]
    errors: dict[str, float] | None
    interactions: dict[tuple[str, str], float]
    interaction_errors: dict[tuple[str, str], float] | None


def shapley(game: Game, players: Sequence[str], n_permutations: int = 200, seed: int = 0) -> ShapleyValues:
    """Compute the Shapley values and interactions of a game.

    Parameters
    ----------
    game : callable
        Value of a frozenset of players. It is called once per set.
    players : sequence of str
    n_permutations : int, default 200
        Number of random permutations for more than 10 players. Interactions are estimated from a tenth as many samples
        per pair, at least 10.
    seed : int

    Examples
    --------
    >>> result = shapley(lambda team: float({"a", "b"} <= team), ["a", "b", "c"])
    >>> result.values
    {'a': 0.5, 'b': 0.5, 'c': 0.0}
    >>> result.interactions["a", "b"]
    1.0
    """
    game = lru_cache(maxsize=None)(game)
    pairs = list(combinations(players, 2))

    def evaluate(teams: BoolArray) -> AnyArray:
        return np.array([game(frozenset(np.array(players)[team].tolist())) for team in teams])

    if len(players) <= EXACT_UP_TO:
        values = exact_values(evaluate(all_teams(len(players))))
        interactions = {pair: _exact_interaction(game, players, pair) for pair in pairs}
        return ShapleyValues(dict(zip(players, values.tolist(), strict=True)), None, interactions, None)
    rng = np.random.default_rng(seed)
    means, errors = sampled_values(evaluate, random_orders(len(players), n_permutations, rng))
    estimates = {pair: _sampled_interaction(game, players, pair, max(10, n_permutations // 10), rng) for pair in pairs}
    return ShapleyValues(
        dict(zip(players, means.tolist(), strict=True)),
        dict(zip(players, errors.tolist(), strict=True)),
        {pair: mean for pair, (mean, _) in estimates.items()},
        {pair: error for pair, (_, error) in estimates.items()},
    )


def all_teams(n_players: int) -> BoolArray:
    """Return all teams, bool (2**n_players, n_players). Player k is a member of team i if bit k of i is set."""
    return np.asarray((np.arange(2**n_players)[:, None] >> np.arange(n_players)) & 1 == 1)


def exact_values(table: AnyArray) -> AnyArray:
    """Return the Shapley values, (n_players, ...), of games with the values `table`, (2**n_players, ...).

    Rows are in the order of `all_teams`.
    """
    n_players = len(table).bit_length() - 1
    teams = all_teams(n_players)
    sizes = teams.sum(axis=1, keepdims=True)
    # a team of s players has the weight (s - 1)! (n - s)! / n! with the player, and -s! (n - s - 1)! / n! without
    smaller = np.array([1 / comb(n_players - 1, size) / n_players for size in range(n_players)] + [0.0])
    weights = np.where(teams, smaller[sizes - 1], -smaller[sizes])
    return np.asarray(np.tensordot(weights, table, axes=(0, 0)))


def random_orders(n_players: int, n_permutations: int, rng: np.random.Generator) -> IntArray:
    """Return pairs of a random order and its reverse, int (n_pairs, 2, n_players), with at least two pairs."""
    orders = np.array([rng.permutation(n_players) for _ in range(max(2, n_permutations // 2))])
    return np.stack([orders, orders[:, ::-1]], axis=1)


def sampled_values(evaluate: Evaluate, orders: IntArray) -> tuple[AnyArray, AnyArray]:
    """Return estimates of Shapley values and their standard errors, both (n_players, ...).

    The estimates are means of the marginal contributions over orders. Each order is paired with its reverse, which
    reduces the variance for nearly additive games.

    Parameters
    ----------
    evaluate : callable
        It is called once, with each team of the orders once.
    orders : int array (n_pairs, 2, n_players)
        As returned by `random_orders`.
    """
    n_pairs, _, n_players = orders.shape
    ranks = np.argsort(orders, axis=2)
    teams = np.arange(n_players + 1)[:, None] > ranks[:, :, None, :]
    unique, place = np.unique(teams.reshape(-1, n_players), axis=0, return_inverse=True)
    values = evaluate(unique)[place.reshape(n_pairs, 2, n_players + 1)]
    differences = np.diff(values, axis=2)
    index = ranks.reshape(*ranks.shape, *[1] * (differences.ndim - 3))
    contributions = np.take_along_axis(differences, index, axis=2).mean(axis=1)
    return contributions.mean(axis=0), contributions.std(axis=0, ddof=1) / np.sqrt(n_pairs)


def _exact_interaction(game: Game, players: Sequence[str], pair: tuple[str, str]) -> float:
    """Return the mean interaction over all teams of the other players, with equal weights for all team sizes."""
    others = [player for player in players if player not in pair]
    by_size = [
        sum(_interaction(game, frozenset(team), pair) for team in combinations(others, size)) / comb(len(others), size)
        for size in range(len(others) + 1)
    ]
    return float(np.mean(by_size))


def _interaction(game: Game, team: frozenset[str], pair: tuple[str, str]) -> float:
    """Return the interaction of two players given `team`."""
    one, other = pair
    return game(team | {one, other}) - game(team | {one}) - game(team | {other}) + game(team)


def _sampled_interaction(
    game: Game, players: Sequence[str], pair: tuple[str, str], n_teams: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the mean difference over random teams with uniformly distributed sizes, and its standard error."""
    others = [player for player in players if player not in pair]
    differences = []
    for _ in range(n_teams):
        size = int(rng.integers(len(others) + 1))
        differences.append(_interaction(game, frozenset(rng.permutation(others)[:size].tolist()), pair))
    return float(np.mean(differences)), float(np.std(differences, ddof=1) / np.sqrt(n_teams))
