"""scikit-learn's own checks; `make conformance` runs them for every method."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from estimators.conformance import both, expected_failures, fast
from redcore import RedCoreClassifier, RedCoreRegressor

ESTIMATORS = [kind(settings=fast("stacked"), random_state=0) for kind in (RedCoreClassifier, RedCoreRegressor)]


@parametrize_with_checks(
    [*ESTIMATORS, *both("late_fusion"), *both("mean_fill")], expected_failed_checks=expected_failures, xfail_strict=True
)
def test_conforms_to_scikit_learn(estimator, check):
    check(estimator)
