"""What each modality is worth to a fitted method, and which one was under-trained."""

from redcore.explain._shapley import Worth, shapley
from redcore.explain._training import TrainingState, training_states
from redcore.explain._value import ModalityValue, modality_value

__all__ = ["ModalityValue", "TrainingState", "Worth", "modality_value", "shapley", "training_states"]
