"""CSV and Parquet tables: columns become modalities, empty cells are missing."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redcore.data.formats import read
from redcore.exceptions import DataError, NonFiniteError
from samples import write_format

HEADER = "a_1,a_2,t_1,y\n"
OPTIONS = {"modalities": {"audio": "a_*", "text": "t_1"}, "target": "y"}


@pytest.fixture
def csv(tmp_path):
    def write(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_options_come_from_the_yaml_file_next_to_the_table(tmp_path):
    data = read(write_format("table", tmp_path))
    assert data.names == ("ecg", "lab")
    assert data.sample_ids.tolist() == ["p1", "p2", "p3", "p4", "p,5", "p6"]
    assert data.availability.tolist() == [
        [False, True],
        [True, False],
        [True, True],
        [False, True],
        [True, False],
        [True, True],
    ]
    assert data.split.tolist() == [0, 0, 0, 1, 2, 2]
    assert data.groups.tolist() == ["a", "a", "b", "b", "c", "c"]
    assert data.target.classes.tolist() == ["ill", "well"]
    np.testing.assert_array_equal(data.modalities["lab"].values[1], [1, -2])


def test_options_override_the_yaml_file(tmp_path):
    path = write_format("table", tmp_path)
    assert read(path, options={"target": "ward"}).target.classes.tolist() == ["a", "b", "c"]
    assert read(path, options={"modalities": {"all": "lab_*,ecg_1"}, "nan_rows": "missing"}).names == ("all",)


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_file_types(tmp_path, ending):
    path = tmp_path / f"data.{ending}"
    columns = {"a_1": [1.0, None, 3.0], "a_2": [0, None, 2], "t_1": [None, 0.5, 0.25], "y": ["u", "v", "u"]}
    if ending == "parquet":
        pq.write_table(pa.table(columns), path)
    else:
        mark = {"csv": ",", "tsv": "\t"}[ending]
        rows = [list(columns), *zip(*columns.values(), strict=True)]
        path.write_text("\r\n".join(mark.join("" if v is None else str(v) for v in row) for row in rows))
    data = read(path, options=OPTIONS)
    assert data.availability.tolist() == [[True, False], [False, True], [True, True]]
    assert data.modalities["audio"].values.tolist() == [[1, 0], [3, 2]]


def test_column_of_lists_is_a_modality(tmp_path):
    path = tmp_path / "data.parquet"
    columns = {"v": [[1.0, 2.0], None, [3.0, 4.0]], "s": [[[1.0], [2.0]], [[3.0]], None], "y": [0.5, 1.5, 2.5]}
    pq.write_table(pa.table(columns), path)
    data = read(path, options={"modalities": {"v": "v", "s": "s"}, "target": "y"})
    assert data.modalities["s"].lengths.tolist() == [2, 1]
    assert data.modalities["v"].availability.tolist() == [True, False, True]
    assert data.target.kind == "regression"


@pytest.mark.parametrize(
    ("target", "task", "kind"),
    [
        ("y", "auto", "binary"),
        ("y", "numbers", "regression"),
        ("a_1", "auto", "regression"),
        ("y,z", "auto", "multilabel"),
        ("y", "labels", "multilabel"),
        ("y,a_1", "auto", "regression"),
    ],
)
def test_targets(csv, target, task, kind):
    path = csv("a_1,a_2,t_1,y,z\n1.5,2,0,0,1\n2,3,1,1,1\n")
    data = read(path, options={**OPTIONS, "target": target, "task": task})
    assert data.target.kind == kind


def test_without_a_target(csv):
    assert read(csv(HEADER + "1,2,3,\n"), options={"modalities": OPTIONS["modalities"]}).target is None


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (HEADER + "1,2,3,0\n4,,6,1\n", {"nan_rows": "error"}, "modality 'audio', row 1, column 'a_2': NaN"),
        (HEADER + "1,2,3,0\n4,inf,6,1\n", {}, "modality 'audio', row 1, column 'a_2': inf"),
        (HEADER + "1,2,3,0\n4,oops,6,1\n", {}, "modality 'audio', column 'a_2' is string.*row 1 is 'oops'"),
        (HEADER + "1,2,3,0\n4,5,6,\n", {}, "labels missing: row 1"),
        (HEADER + "1,2,3,0\n4,5\n", {}, "not a readable table"),
        (HEADER, {}, "no rows"),
        (b"", {}, "not a readable table"),
        (b"a_1,\x81\xfe\n1,2\n", {}, "not UTF-8 text; set option encoding"),
        ("a_1,a_1,t_1,y\n1,2,3,0\n", {}, "column 'a_1' occurs twice"),
        (HEADER + "1,2,3,0\n", {"modalities": {"audio": "b_*"}}, r"modality 'audio': no column matches 'b_\*'"),
        (HEADER + "1,2,3,0\n", {"target": "z"}, "target: no column matches 'z'"),
        (HEADER + "1,2,3,0\n1,2,3,1\n", {"id": "a_1"}, "sample id '1' occurs 2 times"),
        (HEADER + "1,2,3,0\n1,2,3,1\n", {"split": "a_2"}, None),
        (HEADER + "1,2,3,0\n1,3,3,1\n", {"split": "a_2"}, "split of row 1 is '3'"),
        (HEADER + "1,2,3,0\n", {"modalities": {}}, "columns of the modalities are not defined"),
    ],
)
def test_error_names_the_invalid_column_or_row(csv, content, options, message):
    path = csv(content)
    if message is None:
        assert read(path, options={**OPTIONS, **options}).split.tolist() == [2, 2]
        return
    with pytest.raises(DataError, match=message) as error:
        read(path, options={**OPTIONS, **options})
    assert str(path) in str(error.value)


def test_partly_empty_rows(csv):
    path = csv(HEADER + "1,2,3,0\n4,,6,1\n")
    with pytest.raises(NonFiniteError):
        read(path, options={**OPTIONS, "nan_rows": "error"})
    np.testing.assert_array_equal(read(path, options=OPTIONS).modalities["audio"].values, [[1, 2], [4, np.nan]])
    assert read(path, options={**OPTIONS, "nan_rows": "missing"}).availability.tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize(
    "content",
    [
        "modalities: [",
        "- list",
        "1: 2",
        "modalities: 3",
        "modaliteis: {a: b}",
        "!!python/object/apply:os.system ['touch executed']",
        "a: &a [*a]",
        "[" * 5000,
    ],
)
def test_bad_yaml(tmp_path, content, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_format("table", tmp_path)
    path.with_suffix(".yaml").write_text(content)
    with pytest.raises(DataError, match=r"sample\.yaml"):
        read(path)
    assert not (tmp_path / "executed").exists()


def test_parquet_bomb_is_rejected(tmp_path):
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({f"c{k}": pa.nulls(2_000_000, pa.float64()) for k in range(20)}), path)
    with pytest.raises(DataError, match="declares 40000000 cells, too many"):
        read(path, options={"modalities": {"c": "c*"}})


@pytest.mark.filterwarnings("ignore::redcore.exceptions.DataWarning")  # text such as "." counts as missing
@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="a_12,ty.\n\r\"'-e+; \t\x00é", max_size=60))
def test_any_text_is_read_or_rejected(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "data.csv"
    path.write_bytes((HEADER + text).encode())
    try:
        assert read(path, options=OPTIONS).n_samples >= 1
    except DataError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message


CODES = "a_1,icu,ward,y\n1,01,3,u\n2,1,,v\n3,2,7,u\n4,01,3,v\n"


def test_declared_categories_are_the_text_of_the_file(csv):
    options = {"modalities": {"m": "a_1,icu,ward"}, "target": "y", "category": "icu,w*"}
    data = read(csv(CODES), options=options)
    assert data.categories == {"m": {"icu": ("01", "1", "2"), "ward": ("3", "7")}}
    np.testing.assert_array_equal(data.modalities["m"].values, [[1, 0, 0], [2, 1, np.nan], [3, 2, 1], [4, 0, 0]])


def test_numbers_of_parquet_files_can_be_categories(tmp_path):
    path = tmp_path / "data.parquet"
    columns = {"icu": pa.array([10, None, 2]), "size": [1.5, 2.0, None], "flag": [True, None, False]}
    pq.write_table(pa.table({**columns, "day": ["2020", "", "x"]}), path)
    data = read(path, options={"modalities": {"m": "*"}, "category": "*"})
    assert data.categories["m"] == {
        "icu": ("10", "2"), "size": ("1.5", "2"), "flag": ("false", "true"), "day": ("2020", "x")
    }  # fmt: skip
    np.testing.assert_array_equal(
        data.modalities["m"].values, [[0, 0, 1, 0], [np.nan, 1, np.nan, np.nan], [1, np.nan, 0, 1]]
    )


@pytest.mark.parametrize(
    ("category", "message"),
    [
        ("bed", r"data.csv: category: no feature matches 'bed'; features: a_1, icu"),
        ("y", "data.csv: category: no feature matches 'y'"),
    ],
)
def test_a_declared_category_must_be_a_feature(csv, category, message):
    with pytest.raises(DataError, match=message):
        read(csv(CODES), options={"modalities": {"m": "a_1,icu"}, "target": "y", "category": ("icu", category)})


def test_lists_are_no_categories(tmp_path):
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"a": [[1.0], [2.0]]}), path)
    with pytest.raises(DataError, match=r"data.parquet: modality 'm': column 'a' holds lists"):
        read(path, options={"modalities": {"m": "a"}, "category": "a"})
    pq.write_table(pa.table({"a": [[1.0], [2.0]], "b": [b"x", b"y"]}), path)
    with pytest.raises(DataError, match=r"data.parquet: modality 'm': column 'b' is binary"):
        read(path, options={"modalities": {"m": "b"}, "category": "b"})
