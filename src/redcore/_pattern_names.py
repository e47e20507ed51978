"""Names of missing patterns: the observed modalities, joined with ``+``."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

__all__ = ["pattern_modalities", "pattern_name", "patterns_by_missing_count"]

CHARACTER = re.compile(r"\\(.)|(\+)|([^\\+]+|\\)", re.DOTALL)


def pattern_name(pattern: Sequence[str]) -> str:
    r"""Return the name of a missing pattern: its observed modalities, joined with ``+``.

    In the name of a modality, ``+`` and ``\`` are preceded by ``\``. Different patterns therefore have different names.

    Examples
    --------
    >>> pattern_name(["audio", "text"])
    'audio+text'
    >>> print(pattern_name(["a+b", "c"]))
    a\+b+c
    """
    return "+".join(name.replace("\\", "\\\\").replace("+", "\\+") for name in pattern)


def pattern_modalities(name: str) -> tuple[str, ...]:
    """Return the observed modalities of a missing pattern from its name; inverse of `pattern_name`.

    Examples
    --------
    >>> pattern_modalities("audio+text")
    ('audio', 'text')
    >>> pattern_modalities("")
    ()
    """
    if not name:
        return ()
    modalities = [""]
    for match in CHARACTER.finditer(name):
        if match[2]:
            modalities.append("")
        else:
            modalities[-1] += match[1] or match[3]
    return tuple(modalities)


def patterns_by_missing_count(names: Iterable[str]) -> dict[int, tuple[str, ...]]:
    """Return the names of missing patterns by their number of missing modalities, in ascending order.

    The pattern with the most observed modalities is the one of complete samples.

    Examples
    --------
    >>> patterns_by_missing_count(["audio", "audio+text", "text"])
    {0: ('audio+text',), 1: ('audio', 'text')}
    """
    by_observed = defaultdict(list)
    for name in sorted({*names}):
        by_observed[len(pattern_modalities(name))].append(name)
    n_modalities = max(by_observed, default=0)
    return {
        n_modalities - n_observed: tuple(by_observed[n_observed]) for n_observed in sorted(by_observed, reverse=True)
    }
