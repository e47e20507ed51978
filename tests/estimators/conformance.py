"""Fast settings and expected failures of our estimators for the checks of scikit-learn."""

from redcore.estimators import MethodClassifier, MethodRegressor
from redcore.methods import NetworkMethod, method_class

SETTINGS = {
    "max_epochs": 12,
    "max_steps": 60,
    "batch_size": 32,
    "learning_rate": 0.03,
    "latent_dim": 8,
    "encoder_heads": 2,
    "imputer_layers": (4,),
    "n_members": 1,
    "max_iter": 300,
    "min_samples_leaf": 5,
}

WEIGHTS = (
    "weights are used in all losses, but not in feature statistics, held-out samples and cross-validation folds: "
    "a sample of weight 2 is not equivalent to two samples"
)
FLOAT32 = "float32: the last digits depend on the batch size"


def fast(method: str) -> dict:
    if method == "stacked":
        return {"n_members": 1, **fast("redcore")}
    fields = method_class(method).Settings.model_fields
    return {name: value for name, value in SETTINGS.items() if name in fields}


def expected_failures(estimator) -> dict[str, str]:
    failures = {"check_sample_weight_equivalence_on_dense_data": WEIGHTS}
    if estimator.method == "prior":
        return {"check_classifiers_train": "predicts the prior", "check_regressors_train": "predicts the prior"}
    # stacking computes in double precision and is within the tolerance of the checks
    if estimator.method not in (None, "stacked") and issubclass(method_class(estimator.method), NetworkMethod):
        failures["check_methods_subset_invariance"] = FLOAT32
        failures["check_methods_sample_order_invariance"] = FLOAT32
    return failures


def both(method: str) -> list:
    return [kind(method, settings=fast(method), random_state=0) for kind in (MethodClassifier, MethodRegressor)]
