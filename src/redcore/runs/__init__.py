"""Runs: prepare data, fit a method, evaluate it, and keep everything in a folder."""

from redcore.runs._facts import facts_of_fit
from redcore.runs._folder import (
    Prepared,
    Request,
    make_requested,
    open_request,
    open_run,
    parts_of,
    prepare,
    read_run,
)
from redcore.runs._predictions import check_output, prediction_table, write_table
from redcore.runs._run import Run, fit_run
from redcore.runs._sources import SAMPLES_AT_ONCE, checksum_of, data_pieces, read_data, read_source
from redcore.runs._streaming import stream_predictions

__all__ = [
    "SAMPLES_AT_ONCE",
    "Prepared",
    "Request",
    "Run",
    "check_output",
    "checksum_of",
    "data_pieces",
    "facts_of_fit",
    "fit_run",
    "make_requested",
    "open_request",
    "open_run",
    "parts_of",
    "prediction_table",
    "prepare",
    "read_data",
    "read_run",
    "read_source",
    "stream_predictions",
    "write_table",
]
