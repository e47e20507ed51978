"""Contracts: named clauses that a plug-in of one kind must satisfy."""

import re
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from redcore._types import AnyArray
from redcore.exceptions import RedCoreWarning, UnknownNameError

__all__ = ["Contract", "ContractError", "raises", "require", "require_equal", "warns"]


class ContractError(AssertionError):
    """A plug-in violates a clause of its contract. The message names the plug-in and the clause."""


@dataclass(frozen=True)
class Contract:
    """Clauses of one kind of plug-in.

    Attributes
    ----------
    kind : str
        Kind of plug-in, such as ``"method"``.
    clauses : dict of str to callable
        Function of each clause by its name. It takes the subject of the test and raises an error if the clause is
        violated. The first line of its docstring states the clause.
    """

    kind: str
    clauses: dict[str, Callable[[Any], None]] = field(default_factory=dict)

    def clause(self, **variants: Sequence[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Return a decorator that adds a function as one clause per combination of the values of `variants`."""

        def add(function: Callable[..., None]) -> Callable[..., None]:
            for values in product(*variants.values()):
                arguments = dict(zip(variants, values, strict=True))
                suffix = f"[{'-'.join(f'{key}={value}' for key, value in arguments.items())}]" if arguments else ""
                checked = partial(function, **arguments)
                checked.__doc__ = function.__doc__
                self.clauses[function.__name__ + suffix] = checked
            return function

        return add

    def check(self, subject: Any, skip: Collection[str] = ()) -> None:
        """Run all clauses, except those whose name starts with an entry of `skip`.

        Raises
        ------
        ContractError
            For the first clause that is violated.
        UnknownNameError
            If no clause starts with an entry of `skip`.
        """
        for name in skip:
            if not any(clause.startswith(name) for clause in self.clauses):
                raise UnknownNameError("clause", name, self.clauses)
        for name in self.clauses:
            if not name.startswith(tuple(skip)):
                self.check_clause(name, subject)

    def check_clause(self, name: str, subject: Any) -> None:
        """Run one clause.

        Raises
        ------
        ContractError
            If it is violated.
        """
        function = self.clauses[name]
        sentence = (function.__doc__ or "").partition("\n")[0]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RedCoreWarning)
                function(subject)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".strip()
            raise ContractError(f"{self.kind} {subject}: violates {name!r}: {sentence}\n{reason}") from error


def require(condition: bool, message: str) -> None:
    """Raise AssertionError with the message unless the condition is True."""
    if not condition:
        raise AssertionError(message)


def require_equal(one: AnyArray, other: AnyArray) -> None:
    """Raise AssertionError unless both arrays are equal."""
    np.testing.assert_array_equal(one, other)


@contextmanager
def raises(error: type[Exception] | tuple[type[Exception], ...], match: str = "") -> Iterator[None]:
    """Require that the block raises an error whose message contains the regular expression `match`."""
    try:
        yield
    except error as caught:
        require(re.search(match, str(caught)) is not None, f"expected a message with {match!r}, got: {caught}")
        return
    names = ", ".join(one.__name__ for one in (error if isinstance(error, tuple) else (error,)))
    raise AssertionError(f"expected an error of type {names} with {match!r}, got none")


@contextmanager
def warns(category: type[Warning], match: str) -> Iterator[None]:
    """Require that the block warns with a message that contains the regular expression `match`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    expected = [
        one for one in caught if issubclass(one.category, category) and re.search(match, str(one.message)) is not None
    ]
    for one in caught:
        if one not in expected:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    require(bool(expected), f"expected a {category.__name__} with {match!r}, got none")
