"""Compare the encoding of mixed columns with `TableVectorizer` of skrub on the table of SUPPORT.

"redcore" reads the columns of each modality as they are and encodes them in its preprocessing. "TableVectorizer" is
fitted to the observed training rows of each modality, and its output is the modality. The output lists the test log
loss and ROC AUC, their differences from "redcore" with 95% confidence intervals (paired t over random splits), and the
processor time of encoding and fit. Needs skrub, which is not a dependency of redcore.

    python benchmarks/mixed_columns.py ../shared/data --seeds 3
"""

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from skrub import TableVectorizer

from redcore import MultimodalData
from redcore.data import Target
from redcore.methods import make_method

MODALITIES = {
    "demographics": ["age", "sex", "race"],
    "social": ["edu", "income"],
    "disease": ["dzgroup", "dzclass", "num.co", "diabetes", "dementia", "ca", "hday", "scoma"],
    "vitals": ["meanbp", "hrt", "resp", "temp"],
    "chemistry": ["wblc", "crea", "sod"],
    "blood_gas": ["pafi", "ph"],
    "liver": ["alb", "bili"],
    "metabolic": ["bun", "glucose", "urine"],
    "function": ["adlp", "adls"],
}
METHODS = ("late_fusion", "boosting")
ENCODERS = ("redcore", "TableVectorizer")


def vectorised(frame: pd.DataFrame, train: np.ndarray) -> np.ndarray:
    """Return the output of `TableVectorizer`; rows without any value stay missing."""
    observed = frame.notna().any(axis=1).to_numpy()
    encoder = TableVectorizer().fit(frame[observed & train])
    encoded = np.asarray(encoder.transform(frame[observed]), dtype=np.float64)
    result = np.full((len(frame), encoded.shape[1]), np.nan)
    result[observed] = encoded
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=2500, help="number of samples that are drawn per seed")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    table = pd.read_csv(args.folder / "support2.csv", skipinitialspace=True)
    scores: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for seed in range(args.seeds):
        some = table.sample(args.samples, random_state=seed).reset_index(drop=True)
        target = some["hospdead"].to_numpy()
        train, test = train_test_split(np.arange(len(some)), test_size=0.4, stratify=target, random_state=seed)
        for name in ENCODERS:
            start = time.process_time()
            inputs: dict[str, Any] = {key: some[columns] for key, columns in MODALITIES.items()}
            if name == "TableVectorizer":
                inputs = {key: vectorised(frame, np.isin(some.index, train)) for key, frame in inputs.items()}
            data = MultimodalData.from_arrays(inputs, Target.from_labels(target))
            encoding = time.process_time() - start
            for method in METHODS:
                start = time.process_time()
                outputs = make_method(method).fit(data.take(train), seed=seed).predict(data.take(test))[:, 1]
                seconds = encoding + time.process_time() - start
                loss, auc = log_loss(target[test], outputs), roc_auc_score(target[test], outputs)
                scores.setdefault((method, name), []).append((loss, auc, seconds))
    report(scores, args.seeds)


def report(scores: dict[tuple[str, str], list[tuple[float, float, float]]], n_seeds: int) -> None:
    print("| method | encoding | log loss | difference | AUC | difference | processor s |\n" + "|---" * 7 + "|")
    factor = stats.t.ppf(0.975, n_seeds - 1) / np.sqrt(n_seeds)
    for method in METHODS:
        for name in ENCODERS:
            values, base = np.array(scores[method, name]), np.array(scores[method, ENCODERS[0]])
            cells = []
            for column in range(2):
                difference = values[:, column] - base[:, column]
                interval = f"{difference.mean():+.4f} ± {factor * difference.std(ddof=1):.4f}"
                cells += [f"{values[:, column].mean():.4f}", "" if name == ENCODERS[0] else interval]
            print(f"| {method} | {name} | {' | '.join(cells)} | {values[:, 2].mean():.1f} |", flush=True)


if __name__ == "__main__":
    main()
