"""Explanations: Shapley values of modalities, and detection of under-trained modalities."""

from redcore.explain._shapley import ShapleyValues, shapley
from redcore.explain._training import TrainingState, training_states
from redcore.explain._value import ModalityValue, modality_value

__all__ = ["ModalityValue", "ShapleyValues", "TrainingState", "modality_value", "shapley", "training_states"]
