"""Shapley values and pair interactions of players, exact or sampled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np

from redcore._types import AnyArray

__all__ = ["EXACT_UP_TO", "Worth", "shapley"]

Game = Callable[[frozenset[str]], float]
"""What a set of players is worth."""

EXACT_UP_TO = 10
"""Most players for which all ``2**M`` sets are asked."""


@dataclass(frozen=True)
class Worth:
    """Shapley values, which add up to ``v(all) - v(none)``, and Shapley interaction indices of pairs.

    A positive interaction means that two are worth more together than each by itself would suggest; a negative one that
    they say the same.

    Attributes
    ----------
    values : dict of str to float
    errors : dict of str to float or None
        Standard errors of the values by sampling; None where they are exact.
    interactions : dict of (str, str) to float
    interaction_errors : dict of (str, str) to float or None
    """

    values: dict[str, float]
    errors: dict[str, float] | None
    interactions: dict[tuple[str, str], float]
    interaction_errors: dict[tuple[str, str], float] | None


def shapley(game: Game, players: Sequence[str], n_permutations: int = 200, seed: int = 0) -> Worth:
    """Share out what all players are worth.

    Parameters
    ----------
    game : callable
        frozenset of players -> float; asked once per set.
    players : sequence of str
    n_permutations : int, default 200
        Orders of the players that are drawn where there are more than 10; for pairs a tenth of them, 10 at least.
    seed : int

    Examples
    --------
    >>> worth = shapley(lambda team: float({"a", "b"} <= team), ["a", "b", "c"])
    >>> worth.values
    {'a': 0.5, 'b': 0.5, 'c': 0.0}
    >>> worth.interactions["a", "b"]
    1.0
    """
    game = lru_cache(maxsize=None)(game)
    pairs = list(combinations(players, 2))
    if len(players) <= EXACT_UP_TO:
        values = {player: _exact(game, players, (player,)) for player in players}
        return Worth(values, None, {pair: _exact(game, players, pair) for pair in pairs}, None)
    rng = np.random.default_rng(seed)
    values, errors = _sampled_values(game, players, n_permutations, rng)
    drawn = {pair: _sampled_interaction(game, players, pair, max(10, n_permutations // 10), rng) for pair in pairs}
    interactions = {pair: mean for pair, (mean, _) in drawn.items()}
    return Worth(values, errors, interactions, {pair: error for pair, (_, error) in drawn.items()})


def _difference(game: Game, team: frozenset[str], added: tuple[str, ...]) -> float:
    """Return what `added` is worth to `team`: of one player the gain, of two what they gain beyond each by itself."""
    if len(added) == 1:
        return game(team | set(added)) - game(team)
    one, other = added
    return game(team | {one, other}) - game(team | {one}) - game(team | {other}) + game(team)


def _exact(game: Game, players: Sequence[str], added: tuple[str, ...]) -> float:
    """Average the difference over all teams of the others; every size of team counts the same."""
    others = [player for player in players if player not in added]
    by_size = [
        sum(_difference(game, frozenset(team), added) for team in combinations(others, size)) / comb(len(others), size)
        for size in range(len(others) + 1)
    ]
    return float(np.mean(by_size))


def _sampled_values(
    game: Game, players: Sequence[str], n_permutations: int, rng: np.random.Generator
) -> tuple[dict[str, float], dict[str, float]]:
    """Average gains over random orders, each with its reverse, which halves the noise of what is near additive."""
    gains = []
    for _ in range(max(2, n_permutations // 2)):
        order = rng.permutation(len(players))
        gains.append((_gains(game, players, order) + _gains(game, players, order[::-1])) / 2)
    table = np.array(gains)
    errors = table.std(axis=0, ddof=1) / np.sqrt(len(table))
    means = dict(zip(players, table.mean(axis=0).tolist(), strict=True))
    return means, dict(zip(players, errors.tolist(), strict=True))


def _gains(game: Game, players: Sequence[str], order: AnyArray) -> AnyArray:
    gains, team = np.zeros(len(players)), frozenset[str]()
    for index in order.tolist():
        gains[index] = _difference(game, team, (players[index],))
        team |= {players[index]}
    return gains


def _sampled_interaction(
    game: Game, players: Sequence[str], pair: tuple[str, str], n_teams: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Average the difference over random teams of the others, of a size drawn evenly; return mean and error."""
    others = [player for player in players if player not in pair]
    drawn = []
    for _ in range(n_teams):
        size = int(rng.integers(len(others) + 1))
        drawn.append(_difference(game, frozenset(rng.permutation(others)[:size].tolist()), pair))
    return float(np.mean(drawn)), float(np.std(drawn, ddof=1) / np.sqrt(n_teams))
