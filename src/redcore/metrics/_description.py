"""Description of a score."""

from dataclasses import dataclass

from redcore.data import TargetKind

__all__ = ["Score"]


@dataclass(frozen=True)
class Score:
    """Description of a score.

    Attributes
    ----------
    name : str
        Key of the score in records and on the command line.
    label : str
        Display name in tables and on pages.
    lower_is_better : bool
    low, high : float
        Range of its values.
    kinds : tuple of TargetKind
        Kinds of target for which the score is computed.
    needs_probabilities : bool
        If True, the score is computed from probabilities rather than from predicted classes or values.
    """

    name: str
    label: str
    lower_is_better: bool = False
    low: float = 0.0
    high: float = 1.0
    kinds: tuple[TargetKind, ...] = ()
    needs_probabilities: bool = False
