"""The benchmarks of the paper's tables run on generated files in the format of the public data sets."""

import json

import pytest

from redcore.benchmark import Spec, read_records, read_spec, run
from redcore.benchmark._splits import prepare
from samples import write_dataset

# validation splits of the generated files have one sample
pytestmark = pytest.mark.filterwarnings("ignore::redcore.exceptions.HoldOutWarning")

TABLES = {"iemocap": ("iemocap", 10), "msp-improv": ("msp_improv", 12), "cmu-mosei": ("cmu_mosei", None)}
# the generated files contain two folds
FOLDS = (1, 2, None)
SMALL = {"max_epochs": 1, "n_members": 1, "latent_dim": 8, "encoder_layers": 1, "encoder_heads": 2, "imputer_blocks": 1}


@pytest.fixture(params=TABLES)
def table(request, tmp_path):
    data_set, n_folds = TABLES[request.param]
    write_dataset(data_set, tmp_path / data_set)
    return read_spec(request.param), n_folds, tmp_path


def test_every_protocol_and_fold_of_the_written_sample(table):
    spec, n_folds, root = table
    shares = set()
    for cell in spec.cells():
        if cell.method.name == "stacked" and not cell.method.preset and cell.seed == 0 and cell.fold in FOLDS:
            train = prepare(cell, root).train
            shares.add((cell.protocol.title(), cell.protocol.at_least_one, bool(train.availability.any(axis=1).all())))
    # ten shared rates from 0 to 0.9, and three or six imbalanced protocols
    assert len(shares) == len(spec.protocol) == (13 if n_folds else 16)
    assert {cell.fold for cell in spec.cells()} == ({None} if n_folds is None else set(range(1, n_folds + 1)))
    # with at_least_one (possible for rates below 2/3), every sample keeps a modality
    assert all(all_observed for _, at_least_one, all_observed in shares if at_least_one)


def test_every_method_runs_on_the_written_sample(table):
    spec, n_folds, root = table
    content = json.loads(json.dumps(spec.dump()))
    content["protocol"] = [{"name": "shared", "rates": [0.2]}]
    content["n_seeds"] = 1
    cells = Spec.checked(content).shortened(1, SMALL)
    if n_folds:
        cells = cells.model_copy(update={"data": (cells.data[0].model_copy(update={"n_folds": 2}),)})
    run(cells, root / "out", data_folder=root)
    records = read_records(root / "out")
    assert {record.error for record in records} == {None}
    assert len(records) == len(spec.method) * (2 if n_folds else 1)
    for record in records:
        scores = record.metrics["pooled"]
        assert ({"acc2_has0", "acc2_non0", "acc5", "acc7", "corr"} if n_folds is None else {"uar", "accuracy"}) <= set(
            scores
        )
