"""Pictures of what was recorded; nothing here loads torch."""

from redcore.report._figures import supervision_figure

__all__ = ["supervision_figure"]
