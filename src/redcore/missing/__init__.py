"""Missing protocols, one module each: ``draw(n_samples, missing_rates, rng, *, at_least_one)``.

A protocol takes a `numpy.random.Generator` and returns an availability, bool (n_samples, n_modalities) with
columns in the order of `missing_rates` and True = observed. It is drawn once and belongs to the samples.
"""

from collections.abc import Mapping

import numpy as np

from redcore._discovery import load
from redcore._types import BoolArray
from redcore._validation import check_known, check_missing_rates
from redcore.data import MultimodalData
from redcore.exceptions import DataError

__all__ = ["ampute", "draw_availability", "realised_rates"]


def draw_availability(
    protocol: str,
    n_samples: int,
    missing_rates: Mapping[str, float],
    rng: np.random.Generator,
    *,
    at_least_one: bool = True,
) -> BoolArray:
    """Draw which modality of which sample is observed.

    Parameters
    ----------
    protocol : str
        Name of a missing protocol, such as ``"imbalanced"``.
    n_samples : int
        At least 1.
    missing_rates : mapping of str to float
        Share of samples that lack each modality, in [0, 1].
    rng : numpy.random.Generator
    at_least_one : bool, default True
        Whether every sample keeps at least one modality. The rates must allow it: their sum may not exceed
        the number of modalities minus one.

    Returns
    -------
    bool array (n_samples, n_modalities)
        True = observed, columns in the order of `missing_rates`.

    Raises
    ------
    MissingRateError
        If a rate is outside [0, 1], or `at_least_one` is impossible with these rates.
    UnknownNameError
        If there is no such protocol.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> availability = draw_availability("imbalanced", 10, {"audio": 0.2, "text": 0.8}, rng)
    >>> realised_rates(availability, ["audio", "text"])
    {'audio': 0.2, 'text': 0.8}
    """
    if n_samples < 1:
        raise DataError(f"n_samples is {n_samples}, expected at least 1")
    module = load(__name__, protocol, "missing protocol")
    availability: BoolArray = module.draw(n_samples, check_missing_rates(missing_rates), rng, at_least_one=at_least_one)
    return availability


def ampute(
    data: MultimodalData,
    protocol: str,
    missing_rates: Mapping[str, float],
    rng: np.random.Generator,
    *,
    at_least_one: bool = True,
) -> MultimodalData:
    """Hide modalities of `data` by a missing protocol; what is missing already stays missing.

    Parameters
    ----------
    data : MultimodalData
    protocol, rng
        As for `draw_availability`.
    missing_rates : mapping of str to float
        By modality; those not named keep all they have.
    at_least_one : bool, default True
        Whether every sample that observes anything keeps at least one modality. A sample whose drawn modalities
        are missing already gets another of its own back, so that rates come out a little lower then:
        ``data.missing_rates`` of the result says how much.

    Returns
    -------
    MultimodalData

    Examples
    --------
    >>> data = MultimodalData.from_arrays({"audio": np.ones((10, 2)), "text": np.ones((10, 3))})
    >>> ampute(data, "imbalanced", {"text": 0.8}, np.random.default_rng(0)).missing_rates
    {'audio': 0.0, 'text': 0.8}
    """
    check_known("modality", missing_rates, data.names)
    rates = {name: missing_rates.get(name, 0.0) for name in data.names}
    drawn = draw_availability(protocol, data.n_samples, rates, rng, at_least_one=at_least_one)
    if at_least_one:
        _give_back(drawn, data.availability, rng)
    return data.hide(drawn)


def _give_back(drawn: BoolArray, natural: BoolArray, rng: np.random.Generator) -> None:
    """Let samples that would lose everything keep one modality they have, drawn at random."""
    emptied = np.flatnonzero(~(drawn & natural).any(axis=1) & natural.any(axis=1))
    priority = np.where(natural[emptied], rng.random((len(emptied), natural.shape[1])), -1.0)
    drawn[emptied, priority.argmax(axis=1)] = True


def realised_rates(availability: BoolArray, names: list[str]) -> dict[str, float]:
    """Return the share of samples that lack each modality, by name."""
    missing = (~availability).mean(axis=0)
    return {name: float(rate) for name, rate in zip(names, missing, strict=True)}
