"""Summary of a data set: its content, its missing modalities and possible problems.

The public names are imported on first use: a fit only searches for target leaks, and the other modules load SciPy's
statistics, which takes half a second.
"""

from typing import TYPE_CHECKING

from redcore._lazy import on_first_use

if TYPE_CHECKING:
    from redcore.inspection._leakage import Leakage
    from redcore.inspection._missingness import Association, MissingTable, Pattern
    from redcore.inspection._summary import Finding, ModalitySummary, Summary, summarise
    from redcore.inspection._target_leaks import TargetLeak, leak_messages, target_leaks

__all__ = [
    "Association",
    "Finding",
    "Leakage",
    "MissingTable",
    "ModalitySummary",
    "Pattern",
    "Summary",
    "TargetLeak",
    "leak_messages",
    "summarise",
    "target_leaks",
]

__getattr__, __dir__ = on_first_use(
    __name__,
    {
        "_leakage": ("Leakage",),
        "_missingness": ("Association", "MissingTable", "Pattern"),
        "_summary": ("Finding", "ModalitySummary", "Summary", "summarise"),
        "_target_leaks": ("TargetLeak", "leak_messages", "target_leaks"),
    },
)
