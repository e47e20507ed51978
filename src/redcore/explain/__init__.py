"""Explanations of models and single predictions, and detection of under-trained modalities."""

from redcore.explain._expected_change import ExpectedChange
from redcore.explain._features import FeatureImportance, FeatureImportances, Importance, feature_importance
from redcore.explain._imputed_codes import LEAST_SAMPLES, ImputedCodes, imputed_codes
from redcore.explain._samples import PatternPrediction, SampleExplanation, explain_samples
from redcore.explain._shapley import ShapleyValues, shapley
from redcore.explain._training import TrainingState, training_states
from redcore.explain._value import ModalityValue, modality_value
from redcore.explain._words import (
    Words,
    acquisition_words,
    contributions,
    feature_words,
    interaction_words,
    sample_words,
    training_words,
    value_words,
)

__all__ = [
    "LEAST_SAMPLES",
    "ExpectedChange",
    "FeatureImportance",
    "FeatureImportances",
    "Importance",
    "ImputedCodes",
    "ModalityValue",
    "PatternPrediction",
    "SampleExplanation",
    "ShapleyValues",
    "TrainingState",
    "Words",
    "acquisition_words",
    "contributions",
    "explain_samples",
    "feature_importance",
    "feature_words",
    "imputed_codes",
    "interaction_words",
    "modality_value",
    "sample_words",
    "shapley",
    "training_states",
    "training_words",
    "value_words",
]
