"""Survival targets: validation, time bins, and reading of times and events from tables and joins."""

import numpy as np
import pytest
from sksurv.nonparametric import kaplan_meier_estimator

from redcore._discovery import load as load_plug_in
from redcore.data import MultimodalData, Schema, Target, TimeGrid, cross_folds, hold_out, kaplan_meier, risk_scores
from redcore.data.formats import Expected, read, read_for
from redcore.data.store import Store, write_store
from redcore.exceptions import DataError, DataWarning, HoldOutWarning, TargetError
from samples import write_dataset

RNG = np.random.default_rng(0)
TIMES = RNG.integers(1, 40, 300).astype(float)
EVENTS = RNG.random(300) < 0.6
VALUES = np.stack([TIMES, EVENTS], axis=1)

TABLE = "id,a_1,days,status\np1,0.5,10,dead\np2,0.1,20,alive\np3,0.7,5,dead\np4,0.2,8,alive\n"
OPTIONS = {"modalities": {"audio": "a_*"}, "target": "days", "event": "status=dead", "id": "id"}


@pytest.mark.parametrize(
    ("times", "events", "text"),
    [
        ([1.0, 0.0], [1, 0], "row 1: time 0, expected a positive number"),
        ([-2.0, 1.0], [1, 0], "row 0: time -2, expected a positive number"),
        ([1.0, np.inf], [1, 0], "row 1: time inf"),
        ([1.0, np.nan], [1, 1], "row 1: the time is missing"),
        ([1.0, 2.0], [1, None], "row 1: the event is missing"),
        (
            [1.0, np.nan],
            [1, None],
            "row 1: the time and the event are missing; expected the time and the event of every",
        ),
        ([1.0, 2.0, 3.0], [0, 1, 2], r"row 2: event 2, expected 1 \(event\) or 0 .*Competing risks are not supported"),
        ([1.0, 2.0], [1], "2 times and 1 events"),
        (["a", 2.0], [1, 0], "row 0: time 'a' is not a number"),
        ([1.0, 2.0], None, "times without events"),
    ],
)
def test_bad_times_and_events_are_named(times, events, text):
    with pytest.raises(TargetError, match=text):
        Target.from_survival(times, events)


def test_a_structured_array_of_scikit_survival_is_a_target():
    y = np.array([(True, 3.5), (False, 2.0)], dtype=[("cens", "?"), ("time", "f8")])
    np.testing.assert_array_equal(Target.from_survival(y).values, [[3.5, 1], [2.0, 0]])
    with pytest.raises(TargetError, match="one of booleans"):
        Target.from_survival(np.array([(1, 3.5)], dtype=[("cens", "i8"), ("time", "f8")]))


@pytest.mark.parametrize("of_censoring", [False, True])
def test_kaplan_meier_is_that_of_scikit_survival(of_censoring):
    steps, probability = kaplan_meier(TIMES, EVENTS, of_censoring=of_censoring)
    expected = kaplan_meier_estimator(EVENTS, TIMES, reverse=of_censoring)
    np.testing.assert_array_equal(steps, expected[0])
    np.testing.assert_allclose(probability, expected[1])
    grid = TimeGrid.fit(VALUES)
    if of_censoring:
        np.testing.assert_allclose(grid.uncensored(steps), expected[1])


def test_time_bins_have_equally_many_events_and_positions_count_the_time_at_risk():
    times = np.arange(1.0, 201.0)
    values = np.stack([times, np.ones(200)], axis=1)
    grid = TimeGrid.fit(values)
    assert grid.borders.tolist() == np.arange(10.0, 201.0, 10.0).tolist()
    # events count to the end of their bin, censored times as far as they reach
    rows = np.array([[10.0, 1], [10.5, 1], [15.0, 0], [250.0, 1], [250.0, 0]])
    np.testing.assert_allclose(grid.positions(rows), [[1, 1], [2, 1], [1.5, 0], [20, 0], [20, 0]])
    np.testing.assert_allclose(grid.hazards(values)[:2], [10 / 200, 10 / 190])
    # the hazard of the last bin is below 1
    assert abs(grid.residuals(values).sum()) < 2e-3
    assert TimeGrid.fit(values[:12]).n_bins == 2


def test_curves_are_interpolated_with_constant_hazards():
    grid = TimeGrid(np.array([1.0, 2.0]), np.zeros((0, 2)))
    curves = np.exp([[-1.0, -3.0], [-0.1, -0.2]])
    np.testing.assert_allclose(grid.at(curves, np.array([0.5, 1.5, 3.0]))[0], np.exp([-0.5, -2.0, -5.0]))
    np.testing.assert_allclose(grid.quantile(curves, 0.5), [np.log(2), np.inf])
    np.testing.assert_allclose(grid.quantile(curves, 1 - np.exp(-2.0))[0], 1.5)
    np.testing.assert_allclose(risk_scores(curves), [4.0, 0.3])


def test_a_target_without_time_bins_cannot_be_scored():
    target = Target.from_survival(TIMES, EVENTS)
    with pytest.raises(TargetError, match=r"Schema\.align"):
        _ = target.n_outputs
    with pytest.raises(TargetError, match="no events in training: all 3 times"):
        Target.from_survival([1.0, 2.0, 3.0], [0, 0, 0]).on_grid()
    data = MultimodalData.from_arrays({"audio": np.ones((300, 1))}, target.on_grid())
    schema = Schema.of(data)
    other = MultimodalData.from_arrays({"audio": np.ones((2, 1))}, Target.from_survival([1.0, 2.0], [1, 0]))
    assert schema.align(other).target.grid is schema.grid
    numbers = MultimodalData.from_arrays({"audio": np.ones((2, 1))}, Target.from_numbers([1.0, 2.0]))
    with pytest.raises(TargetError, match="the target is regression, expected survival"):
        schema.align(numbers)


def test_folds_and_held_out_samples_are_stratified_by_event():
    events = np.arange(40) % 8 == 0
    data = MultimodalData.from_arrays({"audio": np.ones((40, 1))}, Target.from_survival(np.arange(1.0, 41.0), events))
    folds = cross_folds(data, 5, seed=0)
    assert [events[folds == fold].sum() for fold in range(5)] == [1] * 5
    _, held_out = hold_out(data, 0.2, seed=0)
    assert events[held_out].sum() == 1
    grouped = MultimodalData.from_arrays(
        {"audio": np.ones((4, 1))},
        Target.from_survival([1.0, 2.0, 3.0, 4.0], [1, 0, 0, 0]),
        groups=["a", "a", "b", "c"],
    )
    _, held_out = hold_out(grouped, 0.4, seed=0)
    assert 0 not in held_out
    lone = MultimodalData.from_arrays(
        {"audio": np.ones((2, 1))}, Target.from_survival([1.0, 2.0], [1, 0]), groups=["a", "b"]
    )
    with pytest.warns(HoldOutWarning, match="class 'event' only in group 'a'"):
        hold_out(lone, 0.5, seed=0)


def test_times_and_events_are_read_from_a_table(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(TABLE)
    data = read(path, options=OPTIONS)
    np.testing.assert_array_equal(data.target.values, [[10, 1], [20, 0], [5, 1], [8, 0]])
    assert read(path, options={**OPTIONS, "modalities": {"all": "*"}}).feature_names["all"] == ("a_1",)
    write_store(data, tmp_path / "store")
    np.testing.assert_array_equal(Store(tmp_path / "store").read().target.values, data.target.values)
    schema = Schema.of(MultimodalData(data.modalities, data.target.on_grid(), None, data.sample_ids, None))
    expected = Expected(schema, data_format="table", options=OPTIONS)
    assert read_for(path, expected).target.grid is schema.grid
    path.write_text("id,a_1\np1,0.5\n")
    assert read_for(path, expected).target is None


@pytest.mark.parametrize(
    ("table", "options", "text"),
    [
        (TABLE, {"event": "status=deceased"}, "no row of column 'status' is 'deceased'; entries: 'alive', 'dead'"),
        (TABLE, {"event": "state=dead"}, "event: no column 'state'"),
        (TABLE, {"event": "status"}, "an entry of column 'status' is 'dead', expected 0 and 1 .* event=status=dead"),
        (TABLE, {"event": "=dead"}, "expected COLUMN=VALUE"),
        (TABLE, {"target": None}, "event without target"),
        (TABLE, {"event": None, "task": "survival"}, "needs one column of times"),
        (TABLE, {"task": "classes"}, "task 'auto' or 'survival'"),
        (TABLE.replace(",10,", ",0,"), {}, "row 0: time 0, expected a positive number"),
        (TABLE.replace(",20,", ",,"), {}, "row 1: the time is missing"),
        (TABLE.replace(",20,", ",soon,"), {}, "target 'days': label 'soon' in row 1 is not a number, expected a time"),
    ],
)
def test_bad_columns_of_a_survival_target_are_named(tmp_path, table, options, text):
    path = tmp_path / "data.csv"
    path.write_text(table)
    given = {name: value for name, value in {**OPTIONS, **options}.items() if value is not None}
    with pytest.raises(DataError, match=text) as caught:
        read(path, options=given)
    assert str(path) in str(caught.value) or "COLUMN=VALUE" in str(caught.value)


def test_times_and_events_are_joined_by_id(tmp_path):
    rna = {"p1": [0.1], "p2": [0.2], "p3": [0.3]}
    (tmp_path / "y.csv").write_text("id,days,status\np1,10,dead\np3,4,alive\np4,3,dead\n")
    options = {"target": f"{tmp_path}/y.csv:days", "event": "status=dead"}
    with pytest.warns(UserWarning, match="1 ids have no target"):
        data = MultimodalData.join({"rna": rna}, "id", **options)
    np.testing.assert_array_equal(data.target.values, [[10, 1], [4, 0]])
    of_pairs = {"p1": (10, True), "p2": (2.5, True), "p3": (4, False)}
    paired = MultimodalData.join({"rna": rna}, target=of_pairs, task="survival")
    np.testing.assert_array_equal(paired.target.values, [[10, 1], [2.5, 1], [4, 0]])
    (tmp_path / "y.csv").write_text("id,days,status\np1,,dead\np2,4,alive\np3,3,dead\n")
    with pytest.raises(DataError, match="id 'p1': the time is missing, but not the event"):
        MultimodalData.join({"rna": rna}, "id", **options)
    with pytest.raises(DataError, match="needs a target FILE:COLUMN"):
        MultimodalData.join({"rna": rna}, "id", event="status=dead")


@pytest.mark.parametrize(("name", "n_events"), [("hancock", 3), ("support2", 4)])
def test_public_cohorts_have_a_survival_endpoint(tmp_path, name, n_events):
    root = write_dataset(name, tmp_path)
    target = load_plug_in("redcore.datasets", name, "data set").load(root, endpoint="survival").target
    assert target.kind == "survival"
    assert target.values[:, 1].sum() == n_events
    with pytest.raises(DataError, match="endpoint is 'weight', expected one of"):
        load_plug_in("redcore.datasets", name, "data set").load(root, endpoint="weight")


def test_events_in_another_case_are_named(tmp_path):
    path = tmp_path / "y.csv"
    path.write_text("a,days,status\n1,10,dead\n2,4,Dead\n3,3,alive\n")
    options = {"modalities": {"a": "a"}, "target": "days", "event": "status=dead"}
    with pytest.warns(DataWarning, match="1 rows of column 'status' are 'Dead' and count as censored"):
        assert read(path, options=options).target.values[:, 1].tolist() == [1, 0, 0]
