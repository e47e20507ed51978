"""Stacking: held-out samples weigh the predictions of networks and linear models into one."""

from redcore.stacking._decision import choose_prior_power, decide, expected_macro_f1
from redcore.stacking._stack import Evidence, Trial
from redcore.stacking._weights import Stack

__all__ = ["Evidence", "Stack", "Trial", "choose_prior_power", "decide", "expected_macro_f1"]
