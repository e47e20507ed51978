"""Search space of a method, as declared by `SEARCH` of its settings."""

from collections.abc import Collection
from typing import Any

from redcore.methods import MethodSettings

__all__ = ["describe", "first_values", "suggest"]


def describe(settings: MethodSettings, fixed: Collection[str] = ()) -> dict[str, str]:
    """Return a description of the search space of each setting that is tuned, without those in `fixed`.

    Examples
    --------
    >>> from redcore.linear import LinearSettings
    >>> describe(LinearSettings())
    {'C': '0.001 to 100, log', 'alpha': '0.1 to 10000, log'}
    """
    return {name: str(search) for name, search in settings.search_space().items() if name not in fixed}


def first_values(settings: MethodSettings, fixed: Collection[str] = ()) -> dict[str, Any]:
    """Return the values in `settings` of the settings that are tuned, without those in `fixed`.

    Values outside of the search space are left out, for example None, with which a method selects the value itself.

    Examples
    --------
    >>> from redcore.linear import LinearSettings
    >>> first_values(LinearSettings(C=0.5))
    {'C': 0.5}
    """
    values: dict[str, Any] = {}
    for name, search in settings.search_space().items():
        if name in fixed:
            continue
        value = settings.value_of(name)
        if search.choices:
            # compared after validation, which changes the form of some values
            equal = [one for one in search.choices if settings.replace(**{name: one}).value_of(name) == value]
            if equal:
                values[name] = equal[0]
        elif value is not None and search.low <= value <= search.high:
            values[name] = value
    return values


def suggest(settings: MethodSettings, trial: Any, names: Collection[str]) -> dict[str, Any]:
    """Return the values that an Optuna trial suggests for the settings in `names`."""
    suggested: dict[str, Any] = {}
    for name, search in settings.search_space().items():
        if name not in names:
            continue
        if search.choices:
            suggested[name] = trial.suggest_categorical(name, list(search.choices))
        elif search.whole:
            suggested[name] = trial.suggest_int(name, int(search.low), int(search.high), log=search.log)
        else:
            suggested[name] = trial.suggest_float(name, search.low, search.high, log=search.log)
    return suggested
