"""Mean ranks of the result pages, computed again from the packed records without the statistics of the package."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results"
PAGES = ("domain-shift", "pattern-shift", "real-missingness")
"""Pages whose scores are those of the test set as the protocol leaves it."""


def ranks_of(records: list[dict], score: str, sign: int) -> dict[str, float]:
    """Return the mean ranks over data sets and protocols of the mean scores over seeds, as observed."""
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for record in records:
        data, protocol, method = (record["cell"][part] for part in ("data", "protocol", "method"))
        block = (data["label"] or data["name"], protocol["label"])
        title = method["label"] or method["name"] + (f" ({method['preset']})" if method["preset"] else "")
        values.setdefault(block, {}).setdefault(title, []).append(sign * record["metrics"]["as_observed"][score])
    methods = sorted(values[block])
    table = np.array([[np.mean(scores[method]) for method in methods] for scores in values.values()])
    better = (table[:, None, :] > table[:, :, None]).sum(2)
    return dict(zip(methods, (better + 1).mean(0), strict=True))


@pytest.mark.parametrize("name", PAGES)
def test_mean_ranks_of_a_page_are_those_of_its_scores(name):
    with gzip.open(RESULTS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    by_score = [ranks_of(records, "argmax_macro_f1", 1), ranks_of(records, "nll", -1)]
    page = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
    rows = page.partition("Mean ranks over data sets and protocols")[2].partition("**Budget.**")[0].splitlines()
    printed = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("| ")][2:]
    assert {method for method, *_ in printed} == by_score[0].keys()
    for method, *cells in printed:
        assert [float(cell) for cell in cells] == pytest.approx([ranks[method] for ranks in by_score], abs=0.0051)
