"""Types of the arguments of explanations."""

import pytest

from factories import make_data
from redcore import MethodClassifier
from redcore.exceptions import DataError
from redcore.explain import explain_samples, feature_importance, modality_value
from redcore.methods import make_method

FUNCTIONS = (explain_samples, feature_importance, modality_value)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_estimator_or_a_mapping_is_named_with_its_conversion(function):
    data = make_data()
    with pytest.raises(TypeError, match="expected a fitted method, got MethodClassifier; pass its attribute method_"):
        function(MethodClassifier("prior").fit(data), data)
    with pytest.raises(
        DataError, match=r"expected MultimodalData, got dict; convert it by redcore\.estimators\.as_data"
    ):
        function(make_method("prior").fit(data), {"audio": [[1.0]]})


def test_training_data_without_samples_is_named():
    data = make_data()
    with pytest.raises(DataError, match=r"the training data has no samples; .* data without a split is empty"):
        make_method("late_fusion").fit(data.take([]))
