"""Plain words for the results of explanations: their meaning, and the action that they suggest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from redcore._pattern_names import pattern_modalities
from redcore.explain._expected_change import ExpectedChange
from redcore.explain._features import FeatureImportances
from redcore.explain._samples import SampleExplanation
from redcore.explain._training import TrainingState
from redcore.explain._value import ModalityValue
from redcore.metrics import is_lower_better, score_label

__all__ = [
    "Words",
    "acquisition_words",
    "contributions",
    "feature_words",
    "interaction_words",
    "sample_words",
    "training_words",
    "value_words",
]

FEW_SAMPLES = 10
"""Number of samples of the rarest class below which values of modalities are not interpreted."""

FEW_CHANGES = 0.05
"""Share of changed predicted classes below which measuring a modality is not advised."""


@dataclass(frozen=True)
class Words:
    """Explanation of a figure for readers who do not know its definition.

    Attributes
    ----------
    meaning : str
    action : str
        Action that the figure suggests.
    """

    meaning: str
    action: str

    def to_dict(self) -> dict[str, str]:
        """Return both texts as a dict for JSON."""
        return asdict(self)


def signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign, such as ``+0.180`` or ``-0.040``."""
    return f"{value:+.{digits}f}"


def value_words(value: ModalityValue) -> Words:
    """Explain the values of the modalities."""
    label, values = score_label(value.metric), value.shapley.values
    sign = -1 if is_lower_better(value.metric) else 1
    meaning = (
        f"Without any modality, the {label} is {sign * value.without:.3f}; with all of them, it is "
        f"{sign * value.with_all:.3f}. The values divide this difference among the modalities: each is the mean "
        f"improvement of the {label} by adding the modality to a set of the others"
        f"{' (a decrease, since lower is better)' if sign < 0 else ''}."
    )
    if value.rarest is not None and value.rarest[1] < FEW_SAMPLES:
        name, n_samples = value.rarest
        action = (
            f"Do not act on these values, which chance may explain: only {n_samples} of the evaluated samples are of "
            f"class {name}. Explain with more samples"
        )
        return Words(meaning, f"{action}{'' if value.metric == 'nll' else ', or with the log loss (--metric nll)'}.")
    order = sorted(values, key=lambda name: -values[name])
    action = f"Make sure that {order[0]} is available, the modality with the largest value ({values[order[0]]:.3f})."
    harmful = [name for name in order if values[name] <= 0]
    if harmful:
        action += (
            f" The model is not better with {_listed(harmful)}: fit without "
            f"{'them' if len(harmful) > 1 else 'it'} and compare validation scores before more of it is acquired."
        )
    return Words(meaning, action)


def interaction_words(interactions: Mapping[str, float]) -> Words | None:
    """Explain the interactions of pairs of modalities, named as in ``audio+text``; None without pairs."""
    if not interactions:
        return None
    strongest = max(interactions, key=lambda pair: abs(interactions[pair]))
    one, other = pattern_modalities(strongest)
    meaning = (
        "An interaction is the improvement by two modalities together minus the sum of their single improvements. A "
        "positive one means that they complement each other, a negative one that they contain the same information."
    )
    strength = interactions[strongest]
    if strength < 0:
        action = f"{one} can partly replace {other}, and vice versa ({strength:.3f}): one of them may be sufficient."
    else:
        action = f"Acquire {one} and {other} together ({strength:+.3f}): each is more useful with the other."
    return Words(meaning, action)


def acquisition_words(acquisition: Mapping[str, Mapping[str, float]]) -> Words | None:
    """Explain the mean information gains by modality; None if there are none."""
    if not acquisition:
        return None
    best = max(acquisition, key=lambda name: acquisition[name]["mean"])
    meaning = (
        "The information gain is the expected decrease of the uncertainty of the prediction (entropy, in nats) by "
        "measuring a missing modality, averaged over the samples in which it is missing. 0.69 nats correspond to one "
        "question with two equally probable answers."
    )
    gain = acquisition[best]
    action = (
        f"If one missing modality can be acquired, choose {best}: its mean gain is the largest, "
        f"{gain['mean']:.3f} nats. For single samples the gain is at most {gain['largest']:.3f}; see acquisition.csv "
        "(--out)."
    )
    return Words(meaning, action)


def training_words(states: Sequence[TrainingState]) -> Words | None:
    """Explain the training states of the modalities; None for methods without them."""
    if not states:
        return None
    meaning = (
        "A modality is under-trained if the codes imputed for it were more than 10% worse than the average over the "
        "modalities in the last quarter of the training."
    )
    behind = [state.modality for state in states if state.under_trained]
    action = "No modality is under-trained; nothing needs to be done."
    if behind:
        action = (
            f"{_listed(behind)}: train longer (--set max_epochs), or collect more training samples that observe "
            f"{'them' if len(behind) > 1 else 'it'}."
        )
    return Words(meaning, action)


def feature_words(result: FeatureImportances) -> Words:
    """Explain the importance of the features of one modality."""
    label, name = score_label(result.metric), result.modality
    tested = len(result.features)
    meaning = (
        f"The values of a feature are shuffled between the {result.n_samples} samples that observe {name}. The "
        f"importance is the {'increase' if is_lower_better(result.metric) else 'decrease'} of the {label}."
        f"{_chance(tested)}"
    )
    if result.rest is not None:
        meaning += (
            f" {tested} of {result.n_features} features were shuffled one by one, those most strongly correlated with "
            f"the prediction; the other {result.n_rest} were shuffled together."
        )
    needed = [one for one in result.features if one.low > 0]
    if needed:
        listed = _listed([f"{one.feature} ({signed(one.value)})" for one in needed[:5]])
        action = f"The model relies on {listed}. Check first that these are measured correctly in new samples."
    else:
        action = f"No single feature of {name} has an importance that is distinguishable from 0."
    if result.together.low > max(0.0, 2 * sum(one.value for one in needed)):
        action += (
            f" All features together have an importance of {result.together.value:.3f}, more than twice the sum of "
            "the single ones: several features contain the same information, so that none of them is irrelevant."
        )
    if result.together.high <= 0 or (not needed and result.together.low <= 0):
        action += f" The model does not depend measurably on {name} if the other modalities are observed."
    if result.rest is not None and result.rest.low > 0:
        action += " The features that were shuffled together matter too: increase --max-features to see which."
    return Words(meaning, action)


def sample_words(sample: SampleExplanation) -> Words:
    """Explain the prediction of one sample."""
    meaning = (
        f"The {sample.output} is {sample.prediction:.3f}. Without any modality it would be {sample.prior:.3f}, the "
        f"value for a sample about which nothing is known. The difference is divided among the observed modalities: "
        f"{contributions(sample) or 'none is observed'}."
    )
    return Words(meaning, " ".join([*_dependence(sample), *_measurements(sample)]))


def contributions(sample: SampleExplanation) -> str:
    """Return the contributions to a prediction in one line, the largest first, such as ``blood +0.180, ECG -0.040``."""
    order = sorted(sample.values, key=lambda name: -abs(sample.values[name]))
    return ", ".join(
        f"{name} {signed(sample.values[name])}"
        + ("" if sample.errors is None else f" (standard error {sample.errors[name]:.3f})")
        for name in order
    )


def _dependence(sample: SampleExplanation) -> list[str]:
    """Return sentences about modalities without which the predicted class differs."""
    if sample.predicted is None or not sample.values:
        return []
    rest = [tuple(other for other in sample.values if other != name) for name in sample.values]
    decisive = {
        name: sample.under(*others).predicted
        for name, others in zip(sample.values, rest, strict=True)
        if sample.under(*others).predicted != sample.predicted
    }
    if not decisive:
        return ["No single modality decides: the predicted class stays the same if any one of them is left out."]
    listed = _listed([f"{name} (without it: {label})" for name, label in decisive.items()])
    return [f"The predicted class depends on {listed}. Verify this measurement first."]


def _measurements(sample: SampleExplanation) -> list[str]:
    """Return sentences about the missing modalities."""
    changes = {name: change for name, change in sample.changes.items() if isinstance(change, ExpectedChange)}
    if not changes:
        return []
    best = max(changes, key=lambda name: changes[name].size)
    change = changes[best]
    text = (
        f"Measuring {best} is expected to change the {sample.output} by {change.size:.3f}, up or down (90% of the "
        f"changes are between {signed(change.low)} and {signed(change.high)})"
    )
    if change.decision_changes is None:
        return [f"{text}, more than any other missing modality." if len(changes) > 1 else f"{text}."]
    if max(one.decision_changes or 0.0 for one in changes.values()) < FEW_CHANGES:
        return [f"{text}. No missing modality is likely to change the predicted class."]
    flips = max(changes, key=lambda name: changes[name].decision_changes or 0.0)
    return [
        f"{text}. Measure {flips} before a decision: it changes the predicted class with a probability of "
        f"{changes[flips].decision_changes:.0%}."
    ]


def _chance(n_tested: int) -> str:
    """Return a warning about multiple intervals of 95%, if one of them is likely to be above 0 by chance."""
    expected = 0.025 * n_tested
    if expected < 0.5:
        return ""
    return (
        f" An interval above 0 is no proof: of {n_tested} features without effect, about {expected:.0f} would have one "
        "by chance."
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
