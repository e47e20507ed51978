"""Contract of the missing protocols."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from redcore._types import BoolArray
from redcore.data import MultimodalData, Target
from redcore.exceptions import UnknownNameError
from redcore.missing import ampute, load_protocol, removes_steps, takes_rates
from redcore.testing._contract import Contract, raises, require

__all__ = ["PROTOCOLS", "ProtocolSubject", "check_protocol"]

PROTOCOLS = Contract("missing protocol")
N = 6000
RATES = {"a": 0.0, "b": 0.3, "c": 0.5}


def protocol_data(n_samples: int = N, availability: BoolArray | None = None, sequences: bool = False) -> MultimodalData:
    """Return data of the modalities a, b and c, three classes, and groups of 25 samples."""
    rng = np.random.default_rng(0)
    shape = (n_samples, 6, 4) if sequences else (n_samples, 4)
    arrays = {name: rng.standard_normal(shape) for name in "abc"}
    target = Target.from_labels(rng.integers(0, 3, n_samples))
    return MultimodalData.from_arrays(arrays, target, groups=np.arange(n_samples) // 25, availability=availability)


@dataclass(frozen=True)
class ProtocolSubject:
    """Missing protocol with the options, the rates and the exactness of its test.

    Attributes
    ----------
    protocol : str, function or object
    options : mapping, optional
    rates : mapping, optional
        Missing rates of the modalities a, b and c. Default: 0, 0.3 and 0.5, or none for protocols without rates.
    expected : mapping, optional
        Realised rates. Default: `rates`.
    tolerance : float
        Largest difference between realised and expected rates.
    """

    protocol: Any
    options: Mapping[str, Any] | None = None
    rates: Mapping[str, float] | None = None
    expected: Mapping[str, float] | None = None
    tolerance: float = 1e-9

    def __str__(self) -> str:
        return repr(self.protocol)

    def data(self, n_samples: int = N, availability: BoolArray | None = None) -> MultimodalData:
        """Return data for the protocol: sequences if it removes time steps, else vectors."""
        return protocol_data(n_samples, availability, removes_steps(self.protocol))

    def ampute(self, data: MultimodalData, seed: int = 0, **options: Any) -> MultimodalData:
        """Remove modalities from `data`."""
        rates = self.requested_rates()
        rng = np.random.default_rng(seed)
        return ampute(data, self.protocol, rates, rng, options={**(self.options or {}), **options})

    def requested_rates(self) -> Mapping[str, float]:
        """Return the missing rates that are passed to the protocol."""
        return self.rates if self.rates is not None else RATES if takes_rates(self.protocol) else {}


def check_protocol(
    protocol: Any,
    *,
    options: Mapping[str, Any] | None = None,
    rates: Mapping[str, float] | None = None,
    expected: Mapping[str, float] | None = None,
    tolerance: float = 1e-9,
    skip: Collection[str] = (),
) -> None:
    """Check the contract of a missing protocol on 6,000 samples of the modalities a, b and c.

    Parameters
    ----------
    protocol : str, function or object
        See `redcore.missing`.
    options : mapping, optional
        Options of the protocol.
    rates : mapping of str to float, optional
        Missing rates. Default: 0, 0.3 and 0.5, or none for protocols without rates.
    expected : mapping of str to float, optional
        Realised missing rates. Default: `rates`.
    tolerance : float, default 1e-9
        Largest difference between realised and expected rates.
    skip : collection of str
        Names of clauses to leave out, or their first words.

    Raises
    ------
    ContractError
        If the protocol violates a clause. The message names the first one.

    Examples
    --------
    >>> check_protocol("imbalanced")
    """
    PROTOCOLS.check(ProtocolSubject(protocol, options, rates, expected, tolerance), skip)


@PROTOCOLS.clause()
def mechanism_is_declared(subject: ProtocolSubject) -> None:
    """``MECHANISM`` is "MCAR", "MAR" or "MNAR"."""
    mechanism = load_protocol(subject.protocol).MECHANISM
    require(mechanism in ("MCAR", "MAR", "MNAR"), f"got {mechanism!r}")


@PROTOCOLS.clause()
def realised_rates(subject: ProtocolSubject) -> None:
    """The missing rates are met, and every sample keeps at least one modality."""
    data = subject.ampute(subject.data(), 1)
    require(bool(data.availability.any(axis=1).all()), "a sample has no modality left")
    if not removes_steps(subject.protocol):
        expected = {**dict.fromkeys("abc", 0.0), **(subject.expected or subject.requested_rates())}
        for name, rate in data.missing_rates.items():
            difference = abs(rate - expected[name])
            require(difference <= subject.tolerance, f"modality {name!r}: expected {expected[name]}, got {rate}")


@PROTOCOLS.clause()
def random_numbers_come_from_the_generator(subject: ProtocolSubject) -> None:
    """The same random generator gives the same result, and another one a different result."""
    data = subject.data()
    first, again, other = (subject.ampute(data, seed).checksum() for seed in (1, 1, 2))
    require(first == again, "two calls with the same seed differ")
    require(first != other, "two seeds give the same result")


@PROTOCOLS.clause()
def missing_modalities_stay_missing(subject: ProtocolSubject) -> None:
    """Missing modalities stay missing, and every sample keeps one of its observed modalities."""
    natural = np.random.default_rng(3).random((N, 3)) > 0.3
    after = subject.ampute(subject.data(availability=natural)).availability
    require(not (after & ~natural).any(), "a missing modality is observed afterwards")
    require(bool(np.array_equal(after.any(axis=1), natural.any(axis=1))), "a sample has lost all of its modalities")


@PROTOCOLS.clause()
def unknown_options_are_rejected(subject: ProtocolSubject) -> None:
    """An unknown option is an error that names it."""
    with raises(UnknownNameError, match="unknown setting 'strengt'"):
        subject.ampute(subject.data(50), strengt=1)
