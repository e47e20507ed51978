"""Detection of under-trained modalities in the history of relative advantages and supervision weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from redcore._types import AnyArray

__all__ = ["TrainingState", "training_states"]

UNDER_TRAINED = -0.1
"""Mean relative advantage below which a modality counts as under-trained."""


@dataclass(frozen=True)
class TrainingState:
    """Training state of one modality.

    Attributes
    ----------
    modality : str
    missing_rate : float or None
        Missing rate in the training samples; None if unknown.
    first_advantage, last_advantage : float
        Mean relative advantage over the first and the last quarter of the steps. ``-0.3`` means that the imputation
        loss is 30% above the average.
    first_weight, last_weight : float
        Mean supervision weight over the first and the last quarter of the steps.
    under_trained : bool
        True if `last_advantage` is below -0.1.
    reason : str
        Description of the state in words.
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
        """Return all attributes as a dict for JSON."""
        return asdict(self)


def training_states(
    steps: Mapping[str, AnyArray], missing_rates: Mapping[str, float] | None = None
) -> list[TrainingState]:
    """Return the training state of each modality, sorted by relative advantage at the end, lowest first.

    Parameters
    ----------
    steps : mapping of str to array
        `History.steps` of a fit, with the columns ``relative_advantage/<modality>`` and
        ``supervision_weight/<modality>``. Methods without supervision weights do not have them; the result is then
        empty.
    missing_rates : mapping of str to float, optional
        Missing rates in the training samples.
    """
    names = [name.partition("/")[2] for name in steps if name.startswith("relative_advantage/")]
    states = [_state(name, steps, (missing_rates or {}).get(name)) for name in names]
    return sorted(states, key=lambda state: state.last_advantage)


def _state(name: str, steps: Mapping[str, AnyArray], missing_rate: float | None) -> TrainingState:
    first_advantage, last_advantage = _ends(steps[f"relative_advantage/{name}"])
    first_weight, last_weight = _ends(steps[f"supervision_weight/{name}"])
    comparison = "worse" if last_advantage < 0 else "better"
    if first_weight == last_weight:
        change = f"stayed at {first_weight:.2f}"
    else:
        change = f"{'rose' if last_weight > first_weight else 'fell'} from {first_weight:.2f} to {last_weight:.2f}"
    missing = "" if missing_rate is None else f"; missing in {missing_rate:.0%} of the training samples"
    reason = (
        f"imputed with a loss {abs(last_advantage):.0%} {comparison} than the average in the last quarter of training "
        f"(advantage {first_advantage:+.2f} to {last_advantage:+.2f}); its supervision weight {change}{missing}"
    )
    under_trained = last_advantage < UNDER_TRAINED
    return TrainingState(
        name, missing_rate, first_advantage, last_advantage, first_weight, last_weight, under_trained, reason
    )


def _ends(column: AnyArray) -> tuple[float, float]:
    """Return the means over the first and the last quarter of a column."""
    values = np.asarray(column, dtype=np.float64)
    quarter = max(1, len(values) // 4)
    return float(values[:quarter].mean()), float(values[-quarter:].mean())
