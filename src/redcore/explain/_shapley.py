"""Exact or sampled Shapley values and pairwise Shapley interaction indices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np

from redcore._types import AnyArray

__all__ = ["EXACT_UP_TO", "ShapleyValues", "shapley"]

Game = Callable[[frozenset[str]], float]
"""Value function of a cooperative game, from sets of players to real numbers."""

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
    if len(players) <= EXACT_UP_TO:
        values = {player: _exact(game, players, (player,)) for player in players}
        return ShapleyValues(values, None, {pair: _exact(game, players, pair) for pair in pairs}, None)
    rng = np.random.default_rng(seed)
    values, errors = _sampled_values(game, players, n_permutations, rng)
    estimates = {pair: _sampled_interaction(game, players, pair, max(10, n_permutations // 10), rng) for pair in pairs}
    interactions = {pair: mean for pair, (mean, _) in estimates.items()}
    return ShapleyValues(values, errors, interactions, {pair: error for pair, (_, error) in estimates.items()})


def _difference(game: Game, team: frozenset[str], added: tuple[str, ...]) -> float:
    """Return the marginal contribution of one player, or the interaction of two players, given `team`."""
    if len(added) == 1:
        return game(team | set(added)) - game(team)
    one, other = added
    return game(team | {one, other}) - game(team | {one}) - game(team | {other}) + game(team)


def _exact(game: Game, players: Sequence[str], added: tuple[str, ...]) -> float:
    """Return the mean difference over all teams of the other players, with equal weights for all team sizes."""
    others = [player for player in players if player not in added]
    by_size = [
        sum(_difference(game, frozenset(team), added) for team in combinations(others, size)) / comb(len(others), size)
        for size in range(len(others) + 1)
    ]
    return float(np.mean(by_size))


def _sampled_values(
    game: Game, players: Sequence[str], n_permutations: int, rng: np.random.Generator
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the means and standard errors of the marginal contributions over random permutations.

    Each permutation is paired with its reverse, which reduces the variance for nearly additive games.
    """
    contributions = []
    for _ in range(max(2, n_permutations // 2)):
        order = rng.permutation(len(players))
        both = [_marginal_contributions(game, players, each) for each in (order, order[::-1])]
        contributions.append((both[0] + both[1]) / 2)
    table = np.array(contributions)
    errors = table.std(axis=0, ddof=1) / np.sqrt(len(table))
    means = dict(zip(players, table.mean(axis=0).tolist(), strict=True))
    return means, dict(zip(players, errors.tolist(), strict=True))


def _marginal_contributions(game: Game, players: Sequence[str], order: AnyArray) -> AnyArray:
    """Return the contribution of each player to the team of its predecessors in `order`, (n_players,)."""
    contributions, team = np.zeros(len(players)), frozenset[str]()
    for index in order.tolist():
        contributions[index] = _difference(game, team, (players[index],))
        team |= {players[index]}
    return contributions


def _sampled_interaction(
    game: Game, players: Sequence[str], pair: tuple[str, str], n_teams: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the mean difference over random teams with uniformly distributed sizes, and its standard error."""
    others = [player for player in players if player not in pair]
    differences = []
    for _ in range(n_teams):
        size = int(rng.integers(len(others) + 1))
        differences.append(_difference(game, frozenset(rng.permutation(others)[:size].tolist()), pair))
    return float(np.mean(differences)), float(np.std(differences, ddof=1) / np.sqrt(n_teams))
