"""Imports of all commands, for the server from which the cases of `inject` are forked."""

import matplotlib.pyplot  # noqa: F401
import optuna  # noqa: F401

import redcore.benchmark
import redcore.cli._app
import redcore.data.store
import redcore.explain
import redcore.extract
import redcore.methods.stacked
import redcore.report
import redcore.runs  # noqa: F401
