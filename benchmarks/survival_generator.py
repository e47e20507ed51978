"""Concordance and coverage of the default method on synthetic times to an event, under every missing pattern.

    python benchmarks/survival_generator.py --method stack --seeds 5 > docs/results/survival-generator.jsonl
    python benchmarks/survival_generator.py --seeds 5 >> docs/results/survival-generator.jsonl

Every seed draws 2,500 training samples of `weibull`, of which modalities are missing at rates .2/.5/.8, 1,500
calibration samples and 3,000 test samples without censoring. The result is one line of JSON per seed. It has, for each
missing pattern, the concordance, its difference in points to that of the optimal prediction (`bayes`) for the same
samples and to the largest possible one, and the coverage of 90% intervals of the time. `docs/results/make.py survival`
writes means and intervals over seeds.
"""

import argparse
import json
import warnings
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from redcore import MethodSurvival
from redcore.data import MultimodalData
from redcore.datasets import GaussianModel, GaussianSettings, WeibullTimes
from redcore.methods import make_method
from redcore.metrics import concordance, missing_patterns
from redcore.missing import ampute

RATES = (0.2, 0.5, 0.8)
SETTINGS = {"target": "survival"}


def draw(model: GaussianModel, seed: int) -> tuple[MultimodalData, MultimodalData, MultimodalData]:
    """Return training, calibration and test samples."""
    rng = np.random.default_rng([seed, 7])
    train, calibration = model.sample(2500, rng), model.sample(1500, rng)
    with patch("redcore.datasets._gaussian_model.WeibullTimes", lambda: WeibullTimes(latest=np.inf)):
        test = model.sample(3000, rng)
    rates = dict(zip(model.names, RATES, strict=True))
    return ampute(train, "bernoulli", rates, rng), calibration, test


def of_seed(model: GaussianModel, method: str, seed: int) -> dict[str, dict[str, float]]:
    """Return the scores of one seed by missing pattern."""
    train, calibration, test = draw(model, seed)
    estimator = MethodSurvival(method, random_state=seed).fit(train).calibrate(calibration)
    optimum = make_method("bayes", settings=SETTINGS).fit(train)
    times, events = (np.asarray(column) for column in test.target.values.T)
    result = {}
    for pattern in missing_patterns(test.names):
        shown = test.select(pattern)
        low, high = estimator.predict_interval(shown).T
        best = optimum.predict(shown)
        risks: tuple[Any, ...] = (estimator.predict(shown), -np.log(best.clip(min=1e-12)).sum(axis=1))
        ours, optimal = (concordance(times, events, risk, events) or 0.5 for risk in risks)
        result["+".join(pattern)] = {
            "concordance": round(ours, 5),
            "to bayes": round(100 * (ours - optimal), 3),
            "to best": round(100 * (ours - model.best_concordance(pattern)), 3),
            "coverage": round(float(((low <= times) & (times <= high)).mean()), 4),
        }
    return result


def main() -> None:
    """Print one JSON object per seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="stacked")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    model = GaussianModel.make(GaussianSettings.parse(SETTINGS))
    for seed in range(options.first, options.first + options.seeds):
        patterns = of_seed(model, options.method, seed)
        print(json.dumps({"method": options.method, "seed": seed, "patterns": patterns}), flush=True)


if __name__ == "__main__":
    main()
