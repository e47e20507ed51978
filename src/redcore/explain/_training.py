"""Which modality was under-trained, and why, from the traces of advantage and supervision weight."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from redcore._types import AnyArray

__all__ = ["TrainingState", "training_states"]

BEHIND = -0.1
"""Mean relative advantage below which a modality counts as under-trained."""


@dataclass(frozen=True)
class TrainingState:
    """How far one modality came in training.

    Attributes
    ----------
    modality : str
    missing_rate : float or None
        Among the training samples, where it is known.
    first_advantage, last_advantage : float
        Relative advantage averaged over the first and the last quarter of the steps: ``-0.3`` is imputed with a loss
        30% above the average.
    first_weight, last_weight : float
        Supervision weight, likewise.
    under_trained : bool
        Whether `last_advantage` is below -0.1.
    reason : str
        The same in words.
    """

    modality: str
    missing_rate: float | None
    first_advantage: float
    last_advantage: float
    first_weight: float
    last_weight: float
    under_trained: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return asdict(self)


def training_states(
    steps: Mapping[str, AnyArray], missing_rates: Mapping[str, float] | None = None
) -> list[TrainingState]:
    """Judge every modality by the history of a fit, the one furthest behind first.

    Parameters
    ----------
    steps : mapping of str to array
        As `History.steps`: columns ``relative_advantage/<modality>`` and ``supervision_weight/<modality>``. Without
        them, as for methods that do not balance, nothing is judged.
    missing_rates : mapping of str to float, optional
    """
    names = [name.partition("/")[2] for name in steps if name.startswith("relative_advantage/")]
    states = [_state(name, steps, (missing_rates or {}).get(name)) for name in names]
    return sorted(states, key=lambda state: state.last_advantage)


def _state(name: str, steps: Mapping[str, AnyArray], missing_rate: float | None) -> TrainingState:
    first_advantage, last_advantage = _ends(steps[f"relative_advantage/{name}"])
    first_weight, last_weight = _ends(steps[f"supervision_weight/{name}"])
    side = "worse" if last_advantage < 0 else "better"
    moved = "rose" if last_weight > first_weight else "fell"
    missing = "" if missing_rate is None else f"; missing in {missing_rate:.0%} of the training samples"
    reason = (
        f"imputed with a loss {abs(last_advantage):.0%} {side} than the average in the last quarter of training "
        f"(advantage {first_advantage:+.2f} to {last_advantage:+.2f}); its supervision weight {moved} from "
        f"{first_weight:.2f} to {last_weight:.2f}{missing}"
    )
    behind = last_advantage < BEHIND
    return TrainingState(name, missing_rate, first_advantage, last_advantage, first_weight, last_weight, behind, reason)


def _ends(column: AnyArray) -> tuple[float, float]:
    """Return the means over the first and the last quarter."""
    values = np.asarray(column, dtype=np.float64)
    quarter = max(1, len(values) // 4)
    return float(values[:quarter].mean()), float(values[-quarter:].mean())
