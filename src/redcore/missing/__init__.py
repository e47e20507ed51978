"""Missing protocols, one module each.

A module offers

- ``MECHANISM``: "MCAR", "MAR" or "MNAR", in the terms of Rubin (1976);
- ``Options``, a subclass of `redcore._settings.Settings`;
- ``draw(demand, rng, options)``: an availability, bool (n_samples, n_modalities) with columns in the order of the rates
  of the `Demand` and True = observed. It is drawn once and belongs to the samples. Or
  ``apply(demand, rng, options)``: the data with parts of samples missing, for protocols that remove time steps;
- ``TAKES_RATES = False`` where the rates follow from the options.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from redcore._discovery import load
from redcore._types import BoolArray, IntArray
from redcore._validation import check_known, check_missing_rates
from redcore.data import MultimodalData, concatenate
from redcore.exceptions import DataError, MissingRateError
from redcore.missing._augment import under_patterns
from redcore.missing._demand import Demand

__all__ = [
    "Demand",
    "ampute",
    "ampute_parts",
    "draw_availability",
    "realised_rates",
    "removes_steps",
    "takes_rates",
    "under_patterns",
]


def draw_availability(
    protocol: str,
    n_samples: int,
    missing_rates: Mapping[str, float],
    rng: np.random.Generator,
    *,
    options: Mapping[str, Any] | None = None,
    at_least_one: bool = True,
) -> BoolArray:
    """Draw which modality of which sample is observed, by a protocol that need not look at the samples.

    Parameters
    ----------
    protocol : str
        Name of a missing protocol, such as ``"imbalanced"``.
    n_samples : int
        At least 1.
    missing_rates : mapping of str to float
        Share of samples that lack each modality, in [0, 1].
    rng : numpy.random.Generator
    options : mapping, optional
        Of the protocol; see ``Options`` of its module.
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
        If a rate is outside [0, 1], or no availability with these rates exists.
    UnknownNameError, SettingsError
        If there is no such protocol or option, or its value is out of bounds.
    DataError
        If the protocol looks at the samples: use `ampute`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> availability = draw_availability("imbalanced", 10, {"audio": 0.2, "text": 0.8}, rng)
    >>> realised_rates(availability, ["audio", "text"])
    {'audio': 0.2, 'text': 0.8}
    """
    if n_samples < 1:
        raise DataError(f"n_samples is {n_samples}, expected at least 1")
    module = _load(protocol)
    if removes_steps(protocol):
        raise DataError(f"missing protocol {protocol!r} removes time steps of samples: use ampute()")
    demand = Demand(n_samples, _checked_rates(protocol, missing_rates), at_least_one)
    availability: BoolArray = module.draw(demand, rng, module.Options.parse(options or {}))
    return availability


def ampute(
    data: MultimodalData,
    protocol: str,
    missing_rates: Mapping[str, float],
    rng: np.random.Generator,
    *,
    options: Mapping[str, Any] | None = None,
    at_least_one: bool = True,
) -> MultimodalData:
    """Hide modalities of `data` by a missing protocol; what is missing already stays missing.

    Parameters
    ----------
    data : MultimodalData
    protocol, rng, options
        As for `draw_availability`.
    missing_rates : mapping of str to float
        By modality; those not named keep all they have. Empty for protocols whose rates follow from their options.
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
    >>> ampute(data, "fixed_patterns", {}, np.random.default_rng(0), options={"patterns": "audio,text"}).missing_rates
    {'audio': 0.5, 'text': 0.5}
    """
    check_known("modality", missing_rates, data.names)
    module = _load(protocol)
    rates = _checked_rates(protocol, {name: missing_rates.get(name, 0.0) for name in data.names})
    demand = Demand(data.n_samples, rates, at_least_one, data)
    parsed = module.Options.parse(options or {})
    if removes_steps(protocol):
        shortened: MultimodalData = module.apply(demand, rng, parsed)
        return shortened
    drawn: BoolArray = module.draw(demand, rng, parsed)
    if at_least_one:
        _give_back(drawn, data.availability, rng)
    return data.hide(drawn)


def ampute_parts(
    data: MultimodalData,
    part: IntArray,
    protocol: str,
    missing_rates: Mapping[int, Mapping[str, float]],
    rngs: Mapping[int, np.random.Generator],
    *,
    options: Mapping[str, Any] | None = None,
    at_least_one: bool = True,
) -> MultimodalData:
    """Hide modalities in some parts of `data`, each part at rates of its own and as if it were alone.

    Parameters
    ----------
    data : MultimodalData
    part : int array (n_samples,)
        Part of each sample.
    protocol, options, at_least_one
        As for `ampute`.
    missing_rates : mapping of int to mapping
        Rates by part; parts not named keep all they have.
    rngs : mapping of int to numpy.random.Generator
        By part.
    """
    pieces, places = [], []
    for code in np.unique(part).tolist():
        rows = np.flatnonzero(part == code)
        piece = data.take(rows)
        if code in missing_rates:
            rates, rng = missing_rates[code], rngs[code]
            piece = ampute(piece, protocol, rates, rng, options=options, at_least_one=at_least_one)
        pieces.append(piece)
        places.append(rows)
    order = np.argsort(np.concatenate(places))
    if removes_steps(protocol):
        return concatenate(pieces).take(order)
    # the same samples with less of them observed: values that are on disk stay there
    return data.hide(np.concatenate([piece.availability for piece in pieces])[order])


def takes_rates(protocol: str) -> bool:
    """Return whether a protocol is told missing rates; for others they follow from their options."""
    return bool(getattr(_load(protocol), "TAKES_RATES", True))


def removes_steps(protocol: str) -> bool:
    """Return whether a protocol removes time steps of sequences instead of whole modalities of samples."""
    return hasattr(_load(protocol), "apply")


def _load(protocol: str) -> ModuleType:
    return load(__name__, protocol, "missing protocol")


def _checked_rates(protocol: str, missing_rates: Mapping[str, float]) -> dict[str, float]:
    rates = check_missing_rates(missing_rates)
    if not takes_rates(protocol) and any(rates.values()):
        raise MissingRateError(
            f"protocol {protocol!r} takes no missing rates, they follow from its options; got {rates}"
        )
    return rates


def _give_back(drawn: BoolArray, natural: BoolArray, rng: np.random.Generator) -> None:
    """Let samples that would lose everything keep one modality they have, drawn at random."""
    emptied = np.flatnonzero(~(drawn & natural).any(axis=1) & natural.any(axis=1))
    priority = np.where(natural[emptied], rng.random((len(emptied), natural.shape[1])), -1.0)
    drawn[emptied, priority.argmax(axis=1)] = True


def realised_rates(availability: BoolArray, names: list[str]) -> dict[str, float]:
    """Return the share of samples that lack each modality, by name."""
    missing = (~availability).mean(axis=0)
    return {name: float(rate) for name, rate in zip(names, missing, strict=True)}
