"""Missing patterns of a data set, as an UpSet plot."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes

from redcore.data import MultimodalData
from redcore.estimators import as_data
from redcore.plot._display import Display
from redcore.report import COLOURS

__all__ = ["MissingPatternsDisplay"]


@dataclass
class MissingPatternsDisplay(Display):
    """Numbers of samples by missing pattern, with the missing rate of each modality.

    Attributes
    ----------
    names : tuple of str
        Modalities, those with the lowest missing rate first.
    missing_rates : dict of str to float
        Missing rate of each modality, in [0, 1].
    counts : dict of tuple of bool to int
        Number of samples by pattern, the most frequent first; True for observed modalities, in the order of `names`.
    n_samples : int

    Examples
    --------
    >>> import numpy as np
    >>> X = {"audio": np.ones((4, 2)), "text": np.array([[1.0], [np.nan], [np.nan], [2.0]])}
    >>> MissingPatternsDisplay.from_data(X).counts
    {(True, True): 2, (True, False): 2}
    """

    names: tuple[str, ...]
    missing_rates: dict[str, float]
    counts: dict[tuple[bool, ...], int]
    n_samples: int

    @classmethod
    def from_data(cls, X: Any, *, ax: Axes | None = None, max_patterns: int = 20) -> Self:
        """Count the patterns of a data set, and draw them.

        Parameters
        ----------
        X : MultimodalData, or any input of `redcore.estimators.as_data`
        ax : matplotlib.axes.Axes, optional
            Default: a new figure.
        max_patterns : int, default 20
            Maximum number of patterns that are drawn; see `plot`.
        """
        data = X if isinstance(X, MultimodalData) else as_data(X)
        order = np.argsort(data.availability.mean(axis=0), kind="stable")[::-1]
        names = tuple(data.names[index] for index in order)
        counts = dict(Counter(map(tuple, data.availability[:, order].tolist())).most_common())
        rates = {name: data.missing_rates[name] for name in names}
        return cls(names, rates, counts, data.n_samples).plot(ax=ax, max_patterns=max_patterns)

    def plot(self, *, ax: Axes | None = None, max_patterns: int = 20) -> Self:
        """Draw one row per modality and one column per pattern, with the number of samples above it.

        The last column holds the patterns beyond `max_patterns`, if any; its cells are empty.
        """
        shown = list(self.counts.items())[:max_patterns]
        others = self.n_samples - sum(count for _, count in shown)
        columns = [str(count) for _, count in shown] + ([f"{others} others"] if others else [])
        axes = self._axes(ax, 2.5 + 0.42 * len(columns), 1.3 + 0.36 * len(self.names))
        for row in range(0, len(self.names), 2):
            axes.axhspan(row - 0.5, row + 0.5, color="#f0f0f0", zorder=0)
        for column, (pattern, _) in enumerate(shown):
            observed = [row for row, is_observed in enumerate(pattern) if is_observed]
            axes.plot([column] * len(self.names), range(len(self.names)), "o", color="#c8c8c8", markersize=7)
            axes.plot([column] * len(observed), observed, "o-", color=COLOURS[0], markersize=7, linewidth=2)
        labels = [f"{name}  ({self.missing_rates[name]:.0%} missing)" for name in self.names]
        axes.set_yticks(range(len(self.names)), labels)
        axes.set_ylim(len(self.names) - 0.5, -0.5)
        axes.set_xticks(range(len(columns)), columns, rotation=45, ha="left")
        axes.set_xlim(-0.6, len(columns) - 0.4)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.set_title(f"{self.n_samples} samples by observed modalities", fontsize=10)
        self._finish()
        axes.spines[["left", "bottom"]].set_visible(False)
        return self
