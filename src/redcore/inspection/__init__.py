"""Summary of a data set: its content, its missing modalities and possible problems."""

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
