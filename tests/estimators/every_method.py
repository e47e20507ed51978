"""scikit-learn's own checks for every method: `make conformance`."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from estimators.conformance import both, expected_failures
from factories import ANY_DATA_METHODS


@parametrize_with_checks(
    [estimator for method in ANY_DATA_METHODS for estimator in both(method)], expected_failed_checks=expected_failures
)
def test_conforms_to_scikit_learn(estimator, check):
    check(estimator)
