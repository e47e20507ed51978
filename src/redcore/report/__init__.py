"""Pictures and pages of what was recorded; nothing here loads torch."""

from redcore.report._figures import supervision_figure
from redcore.report._inspection_page import inspection_page
from redcore.report._worth import worth_figure

__all__ = ["inspection_page", "supervision_figure", "worth_figure"]
