"""HTML pages, figures and tables of runs, benchmarks and data sets. This package does not import torch."""

from redcore.report._drift_page import drift_page
from redcore.report._explanation_page import explanation_page
from redcore.report._modality_value import worth_figure
from redcore.report._page import benchmark_page, inspection_page, write_page
from redcore.report._paper_figures import write_figures
from redcore.report._pattern_tables import pattern_tables
from redcore.report._risk_groups import group_names
from redcore.report._run_folder import run_page, write_run_report
from redcore.report._supervision_figure import COLOURS, STYLES, supervision_figure
from redcore.report._tables import latex_tables, markdown_tables

__all__ = [
    "COLOURS",
    "STYLES",
    "benchmark_page",
    "drift_page",
    "explanation_page",
    "group_names",
    "inspection_page",
    "latex_tables",
    "markdown_tables",
    "pattern_tables",
    "run_page",
    "supervision_figure",
    "worth_figure",
    "write_figures",
    "write_page",
    "write_run_report",
]
