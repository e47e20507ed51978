"""Missing protocols, one module each.

A missing protocol removes modalities from samples at given rates. Its module defines

- ``MECHANISM``: "MCAR", "MAR" or "MNAR", in the terms of Rubin (1976);
- ``Options``: a subclass of `redcore._settings.Settings`;
- ``draw(demand, rng, options)``: return an availability mask, bool (n_samples, n_modalities), True = observed. Its
  columns are in the order of ``demand.names``. The mask is drawn once and then belongs to the samples.
- ``apply(demand, rng, options)``, instead of ``draw``, for protocols that remove time steps: return the shortened data;
- ``TAKES_RATES = False`` (optional), if the rates follow from the options.

A protocol of another distribution is such a module, an object or class with these attributes, or a function
``(demand, rng) -> availability``, for a protocol without options.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from redcore._discovery import check_interface, load
from redcore._settings import Settings
from redcore._types import BoolArray, IntArray
from redcore._validation import check_known, check_missing_rates
from redcore.data import MultimodalData, concatenate
from redcore.exceptions import DataError, MissingRateError, PlugInError
from redcore.missing._demand import Demand
from redcore.missing._patterns import under_patterns

__all__ = [
    "Demand",
    "ampute",
    "ampute_parts",
    "draw_availability",
    "load_protocol",
    "realised_rates",
    "removes_steps",
    "takes_rates",
    "under_patterns",
]


def draw_availability(
    protocol: Any,
    n_samples: int,
    missing_rates: Mapping[str, float],
    rng: np.random.Generator,
    *,
    options: Mapping[str, Any] | None = None,
    at_least_one: bool = True,
) -> BoolArray:
    """Draw an availability mask with a protocol that does not depend on the samples.

    Parameters
    ----------
    protocol : str, function or object
        Name of a missing protocol, such as ``"imbalanced"``, dotted name, function ``(demand, rng) -> availability``,
        or object with the attributes of a protocol; see `redcore.missing`.
    n_samples : int
        At least 1.
    missing_rates : mapping of str to float
        Fraction of samples in which each modality is missing, in [0, 1].
    rng : numpy.random.Generator
    options : mapping, optional
        Options of the protocol; see ``Options`` of its module.
    at_least_one : bool, default True
        If True, every sample keeps at least one modality. The rates must allow it: their sum may not exceed
        the number of modalities minus one.

    Returns
    -------
    bool array (n_samples, n_modalities)
        True = observed, columns in the order of `missing_rates`.

    Raises
    ------
    MissingRateError
        If a rate is outside [0, 1], or if no availability mask with these rates exists.
    UnknownNameError, SettingsError
        If the protocol or an option is unknown, or if an option is out of bounds.
    DataError
        If the protocol depends on the samples; use `ampute` instead.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> availability = draw_availability("imbalanced", 10, {"audio": 0.2, "text": 0.8}, rng)
    >>> realised_rates(availability, ["audio", "text"])
    {'audio': 0.2, 'text': 0.8}
    """
    if n_samples < 1:
        raise DataError(f"n_samples is {n_samples}, expected at least 1")
    module = load_protocol(protocol)
    if removes_steps(protocol):
        raise DataError(f"missing protocol {protocol!r} removes time steps from samples: use ampute()")
    demand = Demand(n_samples, _checked_rates(protocol, missing_rates), at_least_one)
    return _drawn(module, protocol, demand, rng, module.Options.parse(options or {}))


def ampute(
    data: MultimodalData,
    protocol: Any,
    missing_rates: Mapping[str, float],
    rng: np.random.Generator,
    *,
    options: Mapping[str, Any] | None = None,
    at_least_one: bool = True,
) -> MultimodalData:
    """Remove modalities from `data` with a missing protocol. Modalities that are already missing stay missing.

    Parameters
    ----------
    data : MultimodalData
    protocol, rng, options
        As for `draw_availability`.
    missing_rates : mapping of str to float
        Missing rate per modality, 0 for modalities without an entry. Empty for protocols whose rates follow from
        their options.
    at_least_one : bool, default True
        If True, every sample with an observed modality keeps at least one. If the protocol would remove the last one,
        the sample keeps one of its observed modalities, drawn at random. The realised rates are then slightly lower;
        read them from ``missing_rates`` of the result.

    Returns
    -------
    MultimodalData
        The data with more modalities missing; values are shared with `data` where possible.

    Examples
    --------
    >>> data = MultimodalData.from_arrays({"audio": np.ones((10, 2)), "text": np.ones((10, 3))})
    >>> ampute(data, "imbalanced", {"text": 0.8}, np.random.default_rng(0)).missing_rates
    {'audio': 0.0, 'text': 0.8}
    >>> ampute(data, "fixed_patterns", {}, np.random.default_rng(0), options={"patterns": "audio,text"}).missing_rates
    {'audio': 0.5, 'text': 0.5}
    """
    check_known("modality", missing_rates, data.names)
    module = load_protocol(protocol)
    rates = _checked_rates(protocol, {name: missing_rates.get(name, 0.0) for name in data.names})
    demand = Demand(data.n_samples, rates, at_least_one, data)
    parsed = module.Options.parse(options or {})
    if removes_steps(protocol):
        shortened: MultimodalData = module.apply(demand, rng, parsed)
        return shortened
    drawn = _drawn(module, protocol, demand, rng, parsed)
    if at_least_one:
        _keep_one_observed(drawn, data.availability, rng)
    return data.hide(drawn)


def ampute_parts(
    data: MultimodalData,
    part: IntArray,
    protocol: Any,
    missing_rates: Mapping[int, Mapping[str, float]],
    rngs: Mapping[int, np.random.Generator],
    *,
    options: Mapping[str, Any] | None = None,
    at_least_one: bool = True,
) -> MultimodalData:
    """Remove modalities from each split of `data` separately, with its own missing rates and random generator.

    Parameters
    ----------
    data : MultimodalData
    part : int array (n_samples,)
        Split code of each sample.
    protocol, options, at_least_one
        As for `ampute`.
    missing_rates : mapping of int to mapping
        Missing rates per split code. A split without an entry is left unchanged.
    rngs : mapping of int to numpy.random.Generator
        Random generator per split code, for all codes in `missing_rates`.

    Returns
    -------
    MultimodalData
        The samples of `data`, in the same order.
    """
    subsets, rows_of_subsets = [], []
    for code in np.unique(part).tolist():
        rows = np.flatnonzero(part == code)
        subset = data.take(rows)
        if code in missing_rates:
            rates, rng = missing_rates[code], rngs[code]
            subset = ampute(subset, protocol, rates, rng, options=options, at_least_one=at_least_one)
        subsets.append(subset)
        rows_of_subsets.append(rows)
    order = np.argsort(np.concatenate(rows_of_subsets))
    if removes_steps(protocol):
        return concatenate(subsets).take(order)
    # applying the mask to the original data leaves stored values on disk; concatenating would load them
    return data.hide(np.concatenate([subset.availability for subset in subsets])[order])


def takes_rates(protocol: Any) -> bool:
    """Return True if a protocol takes missing rates, False if its rates follow from its options."""
    return bool(getattr(load_protocol(protocol), "TAKES_RATES", True))


def removes_steps(protocol: Any) -> bool:
    """Return True if a protocol removes time steps of sequences, False if it removes whole modalities."""
    return hasattr(load_protocol(protocol), "apply")


def load_protocol(protocol: Any) -> Any:
    """Return the module or object of a protocol: ``MECHANISM``, ``Options``, and ``draw`` or ``apply``.

    Raises
    ------
    UnknownNameError
        If no protocol has this name.
    PlugInError
        If the protocol cannot be imported, or does not have these attributes.
    """
    plug_in = load(__name__, protocol, "missing protocol") if isinstance(protocol, str) else protocol
    if hasattr(plug_in, "apply"):
        return check_interface(plug_in, ("MECHANISM", "Options", "apply"), _subject(protocol))
    if callable(plug_in) and not hasattr(plug_in, "draw"):
        mechanism = getattr(plug_in, "MECHANISM", "MCAR")
        return SimpleNamespace(
            MECHANISM=mechanism, Options=Settings, draw=lambda demand, rng, options: plug_in(demand, rng)
        )
    return check_interface(plug_in, ("MECHANISM", "Options", "draw"), _subject(protocol))


def _subject(protocol: Any) -> str:
    return f"missing protocol {protocol!r}"


def _drawn(module: Any, protocol: Any, demand: Demand, rng: np.random.Generator, options: Settings) -> BoolArray:
    """Draw and check an availability mask."""
    drawn = np.asarray(module.draw(demand, rng, options))
    expected = (demand.n_samples, len(demand.names))
    if drawn.dtype != bool or drawn.shape != expected:
        raise PlugInError(f"{_subject(protocol)}: expected a bool array {expected}, got {drawn.dtype} {drawn.shape}")
    return drawn


def _checked_rates(protocol: Any, missing_rates: Mapping[str, float]) -> dict[str, float]:
    rates = check_missing_rates(missing_rates)
    if not takes_rates(protocol) and any(rates.values()):
        raise MissingRateError(
            f"protocol {protocol!r} takes no missing rates because they follow from its options; got {rates}"
        )
    return rates


def _keep_one_observed(drawn: BoolArray, observed: BoolArray, rng: np.random.Generator) -> None:
    """Update `drawn` in place: a sample that would lose all observed modalities keeps one, drawn at random."""
    emptied = np.flatnonzero(~(drawn & observed).any(axis=1) & observed.any(axis=1))
    priority = np.where(observed[emptied], rng.random((len(emptied), observed.shape[1])), -1.0)
    drawn[emptied, priority.argmax(axis=1)] = True


def realised_rates(availability: BoolArray, names: list[str]) -> dict[str, float]:
    """Return the missing rate of each modality: the fraction of samples in which it is missing.

    Parameters
    ----------
    availability : bool array (n_samples, n_modalities)
        True = observed.
    names : list of str
        Modality of each column.

    Returns
    -------
    dict of str to float
    """
    missing = (~availability).mean(axis=0)
    return {name: float(rate) for name, rate in zip(names, missing, strict=True)}
