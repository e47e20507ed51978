"""Figures by matplotlib, as display objects in the manner of scikit-learn.

A display holds the numbers of one figure. Its class methods compute the numbers and draw them, for example
``PatternScoresDisplay.from_estimator(model, X, y)``. Afterwards, ``figure_`` and ``ax_`` give access to the figure, and
``plot(ax=...)`` draws the same numbers again.
"""

from redcore.plot._calibration import CalibrationDisplay
from redcore.plot._degradation import DegradationDisplay
from redcore.plot._latent_codes import LatentCodesDisplay
from redcore.plot._missing_patterns import MissingPatternsDisplay
from redcore.plot._modality_value import ModalityValueDisplay
from redcore.plot._pattern_scores import PatternScoresDisplay
from redcore.plot._risk_groups import RiskGroupsDisplay
from redcore.plot._supervision import SupervisionDisplay

__all__ = [
    "CalibrationDisplay",
    "DegradationDisplay",
    "LatentCodesDisplay",
    "MissingPatternsDisplay",
    "ModalityValueDisplay",
    "PatternScoresDisplay",
    "RiskGroupsDisplay",
    "SupervisionDisplay",
]
