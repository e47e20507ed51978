"""Numbers that stand for missing values."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from redcore import MethodClassifier
from redcore.data import MultimodalData, sentinels
from redcore.data.formats import read
from redcore.exceptions import DataWarning


def table(code=-999, share=0.1, n_samples=200):
    rng = np.random.default_rng(0)
    crp = np.where(rng.random(n_samples) < share, code, rng.lognormal(2, 1, n_samples).round(1))
    return pd.DataFrame(
        {"id": range(n_samples), "crp": crp, "age": rng.integers(18, 100, n_samples), "y": np.arange(n_samples) % 2}
    )


def write(path, frame):
    match path.suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".parquet":
            pq.write_table(pa.Table.from_pandas(frame), path)
        case _:
            np.savez(path, x_lab=frame[["crp", "age"]], y=frame.y, names_lab=["crp", "age"])


OPTIONS = {"modalities": {"lab": "crp,age"}, "target": "y"}


@pytest.mark.parametrize("code", [-999, 999, -99, 99999])
def test_frequent_isolated_number_is_found(code):
    data = MultimodalData.from_arrays({"lab": table(code)[["crp", "age"]]})
    (found,) = sentinels(data)
    assert (found.modality, found.feature, found.value) == ("lab", "crp", code)
    assert found.share == pytest.approx((table(code).crp == code).mean())


@pytest.mark.parametrize(
    "values",
    [
        np.arange(18, 100).repeat(10),  # an age of 99
        np.append(np.arange(200.0), -999),  # once
        np.where(np.arange(500) % 4 == 0, -998, np.arange(500) % 50),  # another number
        np.where(np.arange(500) % 4 == 0, 999, np.arange(500) * 4),  # within the other values
        np.full(100, -99),
    ],
)
def test_other_numbers_are_not_found(values):
    assert sentinels(MultimodalData.from_arrays({"lab": np.asarray(values, dtype=float)})) == ()


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_readers_warn_and_read_the_number_as_missing(suffix, tmp_path):
    path = tmp_path / f"lab{suffix}"
    write(path, table())
    options = {} if suffix == ".npz" else OPTIONS
    with pytest.warns(DataWarning, match=rf"lab\{suffix}: .*-999 in .*% of lab: crp.*set option na_values=-999"):
        data = read(path, options=options)
    assert not data.modalities["lab"].has_missing_cells
    data = read(path, options={**options, "na_values": "-999"})
    np.testing.assert_array_equal(np.isnan(data.modalities["lab"].values[:, 0]), table().crp == -999)


def test_joins_warn_and_read_the_number_as_missing(tmp_path):
    write(tmp_path / "lab.csv", table().drop(columns="y"))
    with pytest.warns(DataWarning, match="-999 in .* of lab: crp"):
        MultimodalData.join({"lab": tmp_path / "lab.csv"}, "id")
    data = MultimodalData.join({"lab": tmp_path / "lab.csv"}, "id", options={"na_values": "-999"})
    assert np.isnan(data.modalities["lab"].values).sum() == (table().crp == -999).sum()


def test_fits_of_estimators_warn():
    frame = table()[["crp", "age"]]
    model = MethodClassifier("late_fusion")
    with pytest.warns(DataWarning, match="X: .*-999 in .* of features: crp"):
        model.fit(frame, table().y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(frame)


def test_codes_of_categories_are_not_searched():
    names = pd.Categorical(np.where(np.arange(200) % 4, "c99", "c00"), [f"c{code:02}" for code in range(100)])
    assert sentinels(MultimodalData.from_arrays({"lab": pd.DataFrame({"ward": names})})) == ()
