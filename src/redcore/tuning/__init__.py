"""Hyperparameter tuning with Optuna: cross-validation on the training samples, in a journal that survives kills."""

from redcore._extras import imports_of_extra

with imports_of_extra("tune"):
    from redcore.tuning._journal import Journal
    from redcore.tuning._space import describe, first_values, suggest
    from redcore.tuning._study import Budget, Study
    from redcore.tuning._task import Task

__all__ = ["Budget", "Journal", "Study", "Task", "describe", "first_values", "suggest"]
