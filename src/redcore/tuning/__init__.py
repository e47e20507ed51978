"""Hyperparameter tuning with Optuna: cross-validation on the training samples, in a journal that survives kills."""

from redcore.tuning._journal import Journal
from redcore.tuning._space import describe, suggest
from redcore.tuning._study import Study
from redcore.tuning._task import Task

__all__ = ["Journal", "Study", "Task", "describe", "suggest"]
