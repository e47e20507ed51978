"""Runs: prepare data, fit a method, evaluate it, and keep everything in a folder."""

from redcore.runs._chunks import SAMPLES_AT_ONCE, data_pieces
from redcore.runs._predictions import check_output, prediction_table, write_table
from redcore.runs._run import (
    PARTS,
    Prepared,
    Request,
    finish_run,
    make_requested,
    open_request,
    open_run,
    parts_of,
    prepare,
    read_held_out,
    read_run,
)
from redcore.runs._sources import checksum_of, read_data, read_source
from redcore.runs._streaming import stream_predictions

__all__ = [
    "PARTS",
    "Prepared",
    "Request",
    "SAMPLES_AT_ONCE",
    "check_output",
    "checksum_of",
    "data_pieces",
    "finish_run",
    "make_requested",
    "open_request",
    "open_run",
    "parts_of",
    "prediction_table",
    "prepare",
    "read_data",
    "read_held_out",
    "read_run",
    "read_source",
    "stream_predictions",
    "write_table",
]
