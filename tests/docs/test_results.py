"""Mean ranks of the result pages, computed again from the packed records without the statistics of the package."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results"
PAGES = ("domain-shift", "pattern-shift", "real-missingness")
"""Pages whose scores are those of the test set as the protocol leaves it."""


def read(name: str) -> list[dict]:
    with gzip.open(RESULTS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def as_observed(record: dict, score: str) -> float:
    return record["metrics"]["as_observed"][score]


def over_patterns(record: dict, score: str) -> float:
    return np.mean([scores[score] for scores in record["metrics"]["per_pattern"].values()])


def ranks_of(records: list[dict], score_of: Callable[[dict], float]) -> dict[str, float]:
    """Return the mean ranks over data sets and protocols of the mean scores over seeds; the largest score is rank 1."""
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for record in records:
        data, protocol, method = (record["cell"][part] for part in ("data", "protocol", "method"))
        block = (data["label"] or data["name"], protocol["label"] or f"{protocol['rates']} {protocol['order']}")
        title = method["label"] or method["name"] + (f" ({method['preset']})" if method["preset"] else "")
        values.setdefault(block, {}).setdefault(title, []).append(score_of(record))
    methods = sorted(values[block])
    table = np.array([[np.mean(scores[method]) for method in methods] for scores in values.values()])
    better = (table[:, None, :] > table[:, :, None]).sum(2)
    return dict(zip(methods, (better + 1).mean(0), strict=True))


@pytest.mark.parametrize("name", PAGES)
def test_mean_ranks_of_a_page_are_those_of_its_scores(name):
    records = read(name)
    by_score = [
        ranks_of(records, lambda record: as_observed(record, "argmax_macro_f1")),
        ranks_of(records, lambda record: -as_observed(record, "nll")),
    ]
    page = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
    rows = page.partition("Mean ranks over data sets and protocols")[2].partition("**Budget.**")[0].splitlines()
    printed = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("| ")][2:]
    assert {method for method, *_ in printed} == by_score[0].keys()
    for method, *cells in printed:
        assert [float(cell) for cell in cells] == pytest.approx([ranks[method] for ranks in by_score], abs=0.0051)


@pytest.mark.parametrize(
    ("heading", "score", "sign"), [("By macro-F1", "argmax_macro_f1", 1), ("By log loss", "nll", -1)]
)
def test_mean_ranks_of_the_accuracy_page_are_those_of_its_scores(heading, score, sign):
    records = [record for record in read("accuracy") if record["cell"]["method"]["name"] != "bayes"]

    def score_of(record: dict) -> float:
        is_regression = "r2" in record["metrics"]["as_observed"]
        return over_patterns(record, "r2") if is_regression else sign * over_patterns(record, score)

    ranks = ranks_of(records, score_of)
    page = (RESULTS / "accuracy.md").read_text(encoding="utf-8")
    rows = [row for row in page.partition(f"\n{heading}")[2].splitlines() if row.startswith("| ")]
    column = rows[0].split(" | ").index("mean rank")
    for row in rows[2 : 2 + len(ranks)]:
        cells = row.strip("| ").split(" | ")
        assert float(cells[column]) == pytest.approx(ranks[cells[0]], abs=0.0051)
