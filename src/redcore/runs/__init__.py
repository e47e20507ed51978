"""Runs: prepare data, fit a method, evaluate it, and store everything in a folder.

The public names are imported on first use, so that reading the result of a run does not load torch.
"""

from typing import TYPE_CHECKING

from redcore._lazy import on_first_use

if TYPE_CHECKING:
    from redcore.runs._calibrate import Recalibration, calibrate_run
    from redcore.runs._drift import DriftReport, check_drift
    from redcore.runs._fitting import evaluate_method, facts_of_fit, make_requested
    from redcore.runs._fold_scores import CrossValidation, FoldMean
    from redcore.runs._folder import open_request, open_run, release_run
    from redcore.runs._predictions import check_output, prediction_table, write_table
    from redcore.runs._prepare import Prepared, fold_codes, prepare, split_codes
    from redcore.runs._request import Request, RunOptions
    from redcore.runs._result import RunResult, read_result, read_run
    from redcore.runs._run import Run, fit_run
    from redcore.runs._selection import SelectionWeighting
    from redcore.runs._sources import (
        SAMPLES_AT_ONCE,
        checksum_of,
        data_pieces,
        read_data,
        read_for_model,
        read_source,
        reader_of,
    )
    from redcore.runs._streaming import predict_stream

__all__ = [
    "SAMPLES_AT_ONCE",
    "CrossValidation",
    "DriftReport",
    "FoldMean",
    "Prepared",
    "Recalibration",
    "Request",
    "Run",
    "RunOptions",
    "RunResult",
    "SelectionWeighting",
    "calibrate_run",
    "check_drift",
    "check_output",
    "checksum_of",
    "data_pieces",
    "evaluate_method",
    "facts_of_fit",
    "fit_run",
    "fold_codes",
    "make_requested",
    "open_request",
    "open_run",
    "predict_stream",
    "prediction_table",
    "prepare",
    "read_data",
    "read_for_model",
    "read_result",
    "read_run",
    "read_source",
    "reader_of",
    "release_run",
    "split_codes",
    "write_table",
]

__getattr__, __dir__ = on_first_use(
    __name__,
    {
        "_calibrate": ("Recalibration", "calibrate_run"),
        "_drift": ("DriftReport", "check_drift"),
        "_fitting": ("evaluate_method", "facts_of_fit", "make_requested"),
        "_folder": ("open_request", "open_run", "release_run"),
        "_predictions": ("check_output", "prediction_table", "write_table"),
        "_fold_scores": ("CrossValidation", "FoldMean"),
        "_prepare": ("Prepared", "fold_codes", "prepare", "split_codes"),
        "_request": ("Request", "RunOptions"),
        "_result": ("RunResult", "read_result", "read_run"),
        "_run": ("Run", "fit_run"),
        "_selection": ("SelectionWeighting",),
        "_sources": (
            "SAMPLES_AT_ONCE",
            "checksum_of",
            "data_pieces",
            "read_data",
            "read_for_model",
            "read_source",
            "reader_of",
        ),
        "_streaming": ("predict_stream",),
    },
)
