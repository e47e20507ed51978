"""Compare redcore with logistic regression and boosting on a clinical table with rare outcomes.

The table is simulated: 2% positives, some repeated patients, numbers, categories, a date and notes of free text.
Missing are 35% of the laboratory values, 60% of the ECG, 30% of the notes, and single cells. The baselines get one-hot
categories, TF-IDF weights of the notes, and medians with indicators for missing values; their strength of
regularisation and number of iterations are chosen by cross-validation over patients. A quarter of the patients is the
test set. Intervals are 95% bootstrap intervals over patients; differences from the logistic regression are paired. The
time is the processor time of preprocessing, tuning and fit with one thread.

    OMP_NUM_THREADS=1 python benchmarks/practice.py --rows 50000
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from redcore import MultimodalData
from redcore.data import Target
from redcore.methods import make_method

LAB = ["crp", "creatinine", "haemoglobin", "leukocytes", "sodium"]
VITALS = ["pulse", "systolic", "temperature", "spo2"]
ECG = [f"ecg_{index}" for index in range(8)]
CATEGORIES = ["sex", "smoker", "ward"]
NUMBERS = ["age", "height", "admitted", *LAB, *VITALS, *ECG]
MODALITIES = {
    "patient": ["age", "height", "admitted", *CATEGORIES],
    "lab": LAB,
    "vitals": VITALS,
    "ecg": ECG,
    "notes": ["note"],
}
BAD = ["dyspnoea", "septic", "confusion", "hypotension"]
GOOD = ["stable", "mobile", "comfortable", "checked"]
MISSING_CELLS = {"crp": 0.1, "sodium": 0.05, "leukocytes": 0.03, "spo2": 0.12, "temperature": 0.08}
MISSING_CELLS |= {"smoker": 0.15, "height": 0.2, "age": 0.01}
N_DRAWS = 1000
Scores = tuple[np.ndarray, np.ndarray]


def clinical_table(n: int, positives: float, seed: int = 7) -> pd.DataFrame:
    """Return a table with columns of every kind, the column ``died`` and the column ``patient_id``."""
    r = np.random.default_rng(seed)
    age = r.normal(62, 14, n).clip(18, 99).round()
    male, smoker = r.random(n) < 0.5, r.choice(["never", "former", "current"], n, p=[0.5, 0.3, 0.2])
    ward = r.choice(["internal", "surgery", "cardiology", "neurology", "oncology"], n)
    severity = r.normal(0, 1, n) + 0.03 * (age - 62)
    columns = {
        "crp": np.exp(1.5 + 0.8 * severity + 0.6 * r.normal(0, 1, n)),
        "creatinine": np.exp(0.1 + 0.3 * severity * male + 0.25 * r.normal(0, 1, n)),
        "haemoglobin": 13.5 - 0.6 * severity + r.normal(0, 1.2, n),
        "leukocytes": np.exp(2.0 + 0.25 * severity + 0.35 * r.normal(0, 1, n)),
        "sodium": 140 - 0.7 * severity + r.normal(0, 3, n),
        "pulse": 80 + 7 * severity + r.normal(0, 11, n),
        "systolic": 130 - 6 * severity + r.normal(0, 16, n),
        "temperature": 36.8 + 0.25 * severity + r.normal(0, 0.5, n),
        "spo2": (97 - 1.1 * np.abs(severity) + r.normal(0, 1.3, n)).clip(60, 100),
    }
    for index, name in enumerate(ECG):
        columns[name] = r.normal(0, 1, n) + (0.5 * severity * (smoker == "current") if index < 3 else 0)
    alarmed = r.random(n) < 1 / (1 + np.exp(1 - severity))
    notes = [f"{' '.join(r.choice(BAD if bad else GOOD, 3))}; patient awake, oriented" for bad in alarmed]
    logit = 1.6 * severity + 0.9 * (smoker == "current") + 0.7 * (ward == "oncology") + 0.8 * alarmed
    logit += 0.5 * r.normal(0, 1, n)
    died = logit >= np.quantile(logit, 1 - positives)
    # some labels are wrong
    died = np.where(r.random(n) < positives / 4, r.random(n) < 0.5, died)
    table = (
        pd.DataFrame(columns).round(3).assign(age=age, sex=np.where(male, "male", "female"), smoker=smoker, ward=ward)
    )
    table["height"] = (172 + 7 * male + r.normal(0, 7, n)).round(1)
    table["admitted"] = pd.Timestamp("2023-01-01") + pd.to_timedelta(r.integers(0, 700, n), unit="D")
    table["note"] = notes
    # laboratory values are ordered more often for severe cases
    table.loc[r.random(n) < 1 / (1 + np.exp(severity + 0.6)), LAB] = np.nan
    table.loc[r.random(n) < 0.6, ECG] = np.nan
    table.loc[r.random(n) < 0.3, "note"] = None
    for name, share in MISSING_CELLS.items():
        table.loc[r.random(n) < share, name] = None
    table.loc[5, "crp"] = 1e12  # a typing error
    ids = np.arange(n)
    repeated = r.choice(n, max(2, n // 100), replace=False)
    ids[repeated] = (repeated + 1) % n
    return table.assign(patient_id=ids, died=died.astype(int))


def baseline(model: BaseEstimator, grid: dict[str, list[float]], standardised: bool, sparse: bool) -> GridSearchCV:
    """Return a baseline with preprocessing, tuned by cross-validation over patients."""
    steps = [SimpleImputer(strategy="median", add_indicator=True), *([StandardScaler()] if standardised else [])]
    columns = make_column_transformer(
        (make_pipeline(*steps), NUMBERS),
        (OneHotEncoder(handle_unknown="ignore"), CATEGORIES),
        (TfidfVectorizer(), "note"),
        sparse_threshold=0.3 if sparse else 0,
    )
    pipeline = make_pipeline(columns, model)
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=0)
    return GridSearchCV(pipeline, grid, scoring="average_precision", cv=folds)


def fit_baseline(search: GridSearchCV, table: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the predicted probabilities of the test samples."""
    crp_limit = float(table["crp"].iloc[train].quantile(0.999))
    inputs = table.assign(
        admitted=table["admitted"].astype("int64") / 8.64e13,
        note=table["note"].fillna(""),
        crp=table["crp"].clip(upper=crp_limit),
        **table[CATEGORIES].fillna("missing"),
    )
    for name in ("crp", "creatinine", "leukocytes"):
        inputs[name] = np.log(inputs[name])
    search.fit(inputs.iloc[train], table["died"].iloc[train], groups=table["patient_id"].iloc[train])
    return np.asarray(search.predict_proba(inputs.iloc[test])[:, 1])


def fit_redcore(method: str, table: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the predicted probabilities of the test samples."""
    data = MultimodalData.from_arrays(
        {name: table[columns] for name, columns in MODALITIES.items()},
        Target.from_labels(table["died"].to_numpy()),
        groups=table["patient_id"].to_numpy(),
        text={"notes": ["note"]},
    )
    return make_method(method).fit(data.take(train)).predict(data.take(test))[:, 1]


def resampled(target: np.ndarray, groups: np.ndarray, predictions: np.ndarray, seed: int = 0) -> Scores:
    """Return AUC and average precision of bootstrap samples of the groups, each (N_DRAWS,)."""
    _, codes = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    n_groups = codes.max() + 1
    scores = np.empty((N_DRAWS, 2))
    for draw in range(N_DRAWS):
        weights = np.bincount(rng.integers(0, n_groups, n_groups), minlength=n_groups)[codes]
        auc = roc_auc_score(target, predictions, sample_weight=weights)
        scores[draw] = auc, average_precision_score(target, predictions, sample_weight=weights)
    return scores[:, 0], scores[:, 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--positives", type=float, default=0.02, help="share of positive samples")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    table = clinical_table(args.rows, args.positives)
    target, groups = table["died"].to_numpy(), table["patient_id"].to_numpy()
    train, test = next(GroupShuffleSplit(1, test_size=0.25, random_state=0).split(table, groups=groups))
    logistic = baseline(
        LogisticRegression(max_iter=2000), {"logisticregression__C": [0.01, 0.1, 1, 10]}, standardised=True, sparse=True
    )
    boosting = baseline(
        HistGradientBoostingClassifier(learning_rate=0.05, random_state=0),
        {"histgradientboostingclassifier__max_iter": [50, 100, 200]},
        standardised=False,
        sparse=False,
    )
    fits: dict[str, Callable[[], np.ndarray]] = {
        "logistic regression": lambda: fit_baseline(logistic, table, train, test),
        "boosting": lambda: fit_baseline(boosting, table, train, test),
        "redcore, preset fast": lambda: fit_redcore("stack", table, train, test),
        "redcore, default": lambda: fit_redcore("stacked", table, train, test),
    }
    print(f"{len(train)} training and {len(test)} test samples, {target[test].sum()} positive test samples\n")
    print("| method | AUC | difference | average precision | difference | seconds |\n|---|---|---|---|---|---|")
    reference: Scores | None = None
    for name, fit in fits.items():
        start = time.process_time()
        predictions = fit()
        seconds = time.process_time() - start
        point = roc_auc_score(target[test], predictions), average_precision_score(target[test], predictions)
        draws = resampled(target[test], groups[test], predictions)
        reference = reference or draws
        cells = []
        for value, own, first in zip(point, draws, reference, strict=True):
            low, high = np.quantile(own, [0.025, 0.975])
            below, above = np.quantile(own - first, [0.025, 0.975])
            cells += [f"{value:.3f} ({low:.3f} to {high:.3f})", f"{below:+.3f} to {above:+.3f}"]
        print(f"| {name} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
