"""Summary of a data set: its content, its missing modalities and possible problems."""

from redcore.inspection._leakage import Leakage
from redcore.inspection._missingness import Association, MissingTable, Pattern
from redcore.inspection._summary import Finding, ModalitySummary, Summary, summarise

__all__ = [
    "Association",
    "Finding",
    "Leakage",
    "MissingTable",
    "ModalitySummary",
    "Pattern",
    "Summary",
    "summarise",
]
