"""The search space of a method, declared beside its settings as `SEARCH`."""

from typing import Any

from redcore.methods import MethodSettings

__all__ = ["describe", "suggest"]


def describe(settings: MethodSettings, fixed: tuple[str, ...] = ()) -> dict[str, str]:
    """Return what is searched, by setting, in words.

    Examples
    --------
    >>> from redcore.linear import LinearSettings
    >>> describe(LinearSettings())
    {'C': '0.001 to 100, log', 'alpha': '0.1 to 10000, log'}
    """
    return {name: str(search) for name, search in settings.search_space().items() if name not in fixed}


def suggest(settings: MethodSettings, trial: Any, fixed: tuple[str, ...] = ()) -> dict[str, Any]:
    """Let an Optuna trial choose every setting that is searched and not fixed."""
    chosen: dict[str, Any] = {}
    for name, search in settings.search_space().items():
        if name in fixed:
            continue
        if search.choices:
            chosen[name] = trial.suggest_categorical(name, list(search.choices))
        elif search.whole:
            chosen[name] = trial.suggest_int(name, int(search.low), int(search.high), log=search.log)
        else:
            chosen[name] = trial.suggest_float(name, search.low, search.high, log=search.log)
    return chosen
