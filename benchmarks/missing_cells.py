"""Compare fillings of missing cells on clinical tables: median, iterative, MissForest-like and nearest neighbours.

Every imputer of scikit-learn is fitted to the observed training rows of each modality. Columns in which more than 5% of
the training cells are missing get an indicator column, as in `redcore.preprocessing.Cells`. The output lists the test
log loss and ROC AUC, and their differences from the median with 95% confidence intervals (paired t over random splits).

    python benchmarks/missing_cells.py ../shared/data --seeds 3
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

from redcore import MultimodalData
from redcore.data import Target
from redcore.methods import make_method

FLAGGED = 0.05
MAX_SAMPLES = 2500
"""Number of samples of a data set; larger ones are subsampled per seed."""

IMPUTERS: dict[str, Callable[[int], Any]] = {
    "median": lambda seed: SimpleImputer(strategy="median", keep_empty_features=True),
    "iterative": lambda seed: IterativeImputer(random_state=seed, keep_empty_features=True),
    "MissForest-like": lambda seed: IterativeImputer(
        ExtraTreesRegressor(30, random_state=seed), max_iter=4, random_state=seed, keep_empty_features=True
    ),
    "nearest neighbours": lambda seed: KNNImputer(keep_empty_features=True),
}

METHODS: dict[str, dict[str, Any]] = {
    "late_fusion": {},
    "stacked": {"n_members": 1, "max_epochs": 20},
}

SUPPORT2 = {
    "demographics": ["age", "edu"],
    "disease": ["num.co", "diabetes", "dementia", "hday", "scoma"],
    "vitals": ["meanbp", "hrt", "resp", "temp"],
    "chemistry": ["wblc", "crea", "sod"],
    "gas": ["pafi", "ph"],
    "liver": ["alb", "bili"],
    "metabolic": ["bun", "glucose", "urine"],
    "function": ["adlp", "adls"],
}

Tables = tuple[dict[str, np.ndarray], np.ndarray]


def support2(folder: Path) -> Tables:
    table = pd.read_csv(folder / "support2.csv")
    return {name: table[columns].to_numpy(float) for name, columns in SUPPORT2.items()}, table["hospdead"].to_numpy()


def hancock(folder: Path) -> Tables:
    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(folder / "hancock" / f"{name}.csv", dtype={"patient_id": str}).set_index("patient_id")

    target = read("targets")["survival_status"]
    names = ("clinical", "pathological", "blood", "icd_codes", "tma_cell_density")
    return {name: read(name).reindex(target.index).to_numpy(float) for name in names}, (target == "deceased").to_numpy(
        int
    )


def filled(values: np.ndarray, train: np.ndarray, imputer: Any) -> np.ndarray:
    """Return the filled values with indicator columns; rows without any value stay missing."""
    observed = ~np.isnan(values).all(axis=1)
    rows = values[train & observed]
    scale = np.nan_to_num(np.nanstd(rows, axis=0), nan=1.0)
    scaled = values / np.where(scale > 0, scale, 1.0)
    imputer.fit(scaled[train & observed])
    missing = np.isnan(values)
    flagged = missing[train & observed].mean(axis=0) > FLAGGED
    result = np.full((len(values), values.shape[1] + flagged.sum()), np.nan)
    result[observed] = np.column_stack([imputer.transform(scaled[observed]), missing[observed][:, flagged]])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for load in (support2, hancock):
        tables, target = load(args.folder)
        scores: dict[tuple[str, str], list[tuple[float, float]]] = {}
        seconds = dict.fromkeys(IMPUTERS, 0.0)
        for seed in range(args.seeds):
            rows = np.random.default_rng(seed).permutation(len(target))[:MAX_SAMPLES]
            train, test = train_test_split(
                np.arange(len(rows)), test_size=0.4, stratify=target[rows], random_state=seed
            )
            mask = np.isin(np.arange(len(rows)), train)
            for name, make in IMPUTERS.items():
                start = time.perf_counter()
                arrays = {key: filled(values[rows], mask, make(seed)) for key, values in tables.items()}
                seconds[name] += time.perf_counter() - start
                data = MultimodalData.from_arrays(arrays, Target.from_labels(target[rows]))
                for method, settings in METHODS.items():
                    fitted = make_method(method, settings=settings).fit(data.take(train), seed=seed)
                    outputs = fitted.predict(data.take(test))[:, 1]
                    truth = target[rows][test]
                    scores.setdefault((method, name), []).append(
                        (log_loss(truth, outputs), roc_auc_score(truth, outputs))
                    )
        report(load.__name__, scores, seconds, args.seeds)


def report(
    data: str, scores: dict[tuple[str, str], list[tuple[float, float]]], seconds: dict[str, float], n: int
) -> None:
    print("| data | method | fill | log loss | difference | AUC | difference | seconds |\n" + "|---" * 8 + "|")
    factor = stats.t.ppf(0.975, n - 1) / np.sqrt(n)
    for (method, name), values in scores.items():
        table, base = np.array(values), np.array(scores[method, "median"])
        cells = []
        for column in range(2):
            difference = table[:, column] - base[:, column]
            interval = f"{difference.mean():+.4f} ± {factor * difference.std(ddof=1):.4f}" if name != "median" else ""
            cells += [f"{table[:, column].mean():.4f}", interval]
        print(f"| {data} | {method} | {name} | {' | '.join(cells)} | {seconds[name] / n:.1f} |", flush=True)


if __name__ == "__main__":
    main()
