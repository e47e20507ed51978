"""Random splits in two parts, equal to those of scikit-learn, whose import takes a second."""

import numpy as np

from redcore._types import AnyArray, IntArray

__all__ = ["random_split"]


def random_split(n_keep: int, n_held: int, seed: int, strata: AnyArray | None = None) -> tuple[IntArray, IntArray]:
    """Draw samples to keep and samples to hold out.

    The samples are those of `sklearn.model_selection.ShuffleSplit`, or of `StratifiedShuffleSplit` with strata, for the
    same seed.

    Parameters
    ----------
    n_keep, n_held : int
        Their sum is the number of samples.
    seed : int
    strata : array (n_samples,), optional
        Strata, each with at least two samples. Both parts have about the same share of each.

    Returns
    -------
    keep, held_out : int arrays
        Row numbers in random order.

    Examples
    --------
    >>> keep, held_out = random_split(4, 2, seed=0, strata=np.array([0, 0, 0, 1, 1, 1]))
    >>> sorted(keep.tolist() + held_out.tolist()), int(np.sum(held_out < 3))
    ([0, 1, 2, 3, 4, 5], 1)
    """
    rng = np.random.RandomState(seed)
    if strata is None:
        order = rng.permutation(n_keep + n_held)
        return order[n_held:], order[:n_held]
    _, codes, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    kept_sizes = _allocated(sizes, n_keep, rng)
    held_sizes = _allocated(sizes - kept_sizes, n_held, rng)
    keep, held = [], []
    for stratum, (n_kept, n_drawn) in enumerate(zip(kept_sizes, held_sizes, strict=True)):
        drawn = rng.permutation(np.flatnonzero(codes == stratum))
        keep.append(drawn[:n_kept])
        held.append(drawn[n_kept : n_kept + n_drawn])
    return rng.permutation(np.concatenate(keep)), rng.permutation(np.concatenate(held))


def _allocated(sizes: IntArray, n_drawn: int, rng: np.random.RandomState) -> IntArray:
    """Return the number of draws from each stratum: the mode of the hypergeometric distribution, ties at random."""
    exact = sizes / sizes.sum() * n_drawn
    allocated = np.floor(exact)
    remainders, n_missing = exact - allocated, int(n_drawn - allocated.sum())
    for remainder in np.unique(remainders)[::-1] if n_missing > 0 else ():
        tied = np.flatnonzero(remainders == remainder)
        n_added = min(len(tied), n_missing)
        allocated[rng.choice(tied, size=n_added, replace=False)] += 1
        n_missing -= n_added
        if n_missing == 0:
            break
    return np.asarray(allocated, dtype=np.int64)
