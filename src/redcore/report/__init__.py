"""Pictures and pages of what was recorded; nothing here loads torch."""

from redcore.report._figures import supervision_figure
from redcore.report._inspection_page import inspection_page
from redcore.report._page import benchmark_page
from redcore.report._run_folder import run_page

__all__ = ["benchmark_page", "inspection_page", "run_page", "supervision_figure"]
