"""Search space of a method, as declared by `SEARCH` of its settings."""

from typing import Any

from redcore.methods import MethodSettings

__all__ = ["describe", "suggest"]


def describe(settings: MethodSettings, fixed: tuple[str, ...] = ()) -> dict[str, str]:
    """Return a description of the search space of each setting that is tuned, without those in `fixed`.

    Examples
    --------
    >>> from redcore.linear import LinearSettings
    >>> describe(LinearSettings())
    {'C': '0.001 to 100, log', 'alpha': '0.1 to 10000, log'}
    """
    return {name: str(search) for name, search in settings.search_space().items() if name not in fixed}


def suggest(settings: MethodSettings, trial: Any, fixed: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the values that an Optuna trial suggests for the settings that are tuned, without those in `fixed`."""
    suggested: dict[str, Any] = {}
    for name, search in settings.search_space().items():
        if name in fixed:
            continue
        if search.choices:
            suggested[name] = trial.suggest_categorical(name, list(search.choices))
        elif search.whole:
            suggested[name] = trial.suggest_int(name, int(search.low), int(search.high), log=search.log)
        else:
            suggested[name] = trial.suggest_float(name, search.low, search.high, log=search.log)
    return suggested
