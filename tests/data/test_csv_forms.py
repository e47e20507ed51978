"""CSV files in the forms in which spreadsheets, devices and other programs write them."""

import gzip
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redcore.data.formats import read
from redcore.exceptions import DataError, DataWarning, SettingsError

OPTIONS = {"modalities": {"a": "a_*", "b": "b_*"}, "target": "y"}
FRAME = pd.DataFrame(
    {
        "a_1": [0.5, -1.25, 3.0, 4.75],
        "a_2": [1.5, 2.5, 0.25, -0.5],
        "b_1": [None, 7.5, 8.5, None],
        "y": ["ja", "nein", "ja", "nein"],
    }
)
PLAIN = FRAME.to_csv(index=False)


@pytest.fixture
def write(tmp_path):
    def write(content, name="data.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def assert_is_frame(data):
    np.testing.assert_array_equal(data.modalities["a"].values, FRAME[["a_1", "a_2"]].to_numpy())
    assert data.modalities["b"].availability.tolist() == [False, True, True, False]
    assert data.modalities["b"].values.tolist() == [[7.5], [8.5]]
    assert data.target.classes[data.target.values].tolist() == FRAME["y"].tolist()
    assert data.feature_names == {"a": ("a_1", "a_2"), "b": ("b_1",)}


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace(",", ", "),
        PLAIN.replace("a_1,a_2", " a_1 , a_2 "),
        PLAIN.replace("\n", ",\n"),
        PLAIN.replace("\n", ",,\n"),
        FRAME.to_csv(),
        FRAME.to_csv(index=False, quoting=1),
        FRAME.to_csv(index=False, quoting=1, na_rep="NA"),
        FRAME.to_csv(index=False, na_rep="null"),
        FRAME.to_csv(index=False, na_rep="  "),
        "sep=,\n" + PLAIN,
    ],
    ids=lambda content: None if isinstance(content, str) and "sep" not in content else "marked",
)
def test_forms_without_ambiguity(write, content):
    if isinstance(content, str) and content.startswith("sep"):
        with pytest.warns(DataWarning, match="a header after 1 line of comments"):
            assert_is_frame(read(write(content), options=OPTIONS))
    else:
        assert_is_frame(read(write(content), options=OPTIONS))


@pytest.mark.parametrize(
    ("content", "message", "options"),
    [
        (FRAME.to_csv(index=False, sep=";"), "delimiter=;", {"delimiter": ";"}),
        (FRAME.to_csv(index=False, sep="\t"), "delimiter=tab", {"delimiter": "tab"}),
        (FRAME.to_csv(index=False, sep="|"), "delimiter=|", {"delimiter": "|"}),
        (
            FRAME.to_csv(index=False, sep=";", decimal=","),
            "delimiter=;, decimal=,",
            {"delimiter": ";", "decimal": ","},
        ),
        (FRAME.to_csv(index=False, decimal=",", quoting=1), "decimal=,", {"decimal": ","}),
        (FRAME.to_csv(index=False, na_rep="?"), "'?' (column 'b_1')", {"na_values": "?"}),
        (FRAME.to_csv(index=False, na_rep="-"), "'-' (column 'b_1')", {"na_values": "-"}),
        (FRAME.to_csv(index=False, na_rep="None"), "'None' (column 'b_1')", {"na_values": ["None"]}),
        ("# a device\n# 2026\n" + PLAIN, "a header after 2 lines of comments", None),
    ],
)
def test_a_detected_form_is_stated_unless_it_is_an_option(write, content, message, options):
    path = write(content)
    with pytest.warns(DataWarning) as caught:
        assert_is_frame(read(path, options=OPTIONS))
    assert [str(path) in str(warning.message) for warning in caught] == [True]
    assert message in str(caught[0].message)
    if options is not None:
        assert_is_frame(read(path, options={**OPTIONS, **options}))


def test_latin_1_is_read_with_a_warning_also_late_in_the_file(write):
    text = "a_größe,b_1,y\n1,2,né\n3,,ja\n"
    with pytest.warns(DataWarning, match="encoding=cp1252"):
        data = read(write(text, encoding="latin-1"), options=OPTIONS)
    assert data.feature_names["a"] == ("a_größe",)
    assert data.target.classes.tolist() == ["ja", "né"]
    late = "a_1,b_1,y\n" + "1,2,ja\n" * 200_000 + "1,2,né\n"
    with pytest.warns(DataWarning, match="encoding=cp1252"):
        assert read(write(late, encoding="latin-1"), options=OPTIONS).target.classes.tolist() == ["ja", "né"]
    assert read(write(text, encoding="cp1250"), options={**OPTIONS, "encoding": "cp1250"}).n_samples == 2


def test_gzip(tmp_path):
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(PLAIN.encode()))
    path.with_name("data.yaml").write_text("modalities: {a: 'a_*', b: 'b_*'}\ntarget: y\n")
    assert_is_frame(read(path))
    path.write_bytes(gzip.compress(PLAIN.encode())[:-12])
    with pytest.raises(DataError, match="not a readable table") as error:
        read(path)
    assert str(path) in str(error.value)


def test_a_gzip_bomb_is_rejected(tmp_path):
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as stream:
        for _ in range(300):
            stream.write(b"0," * 2**19)
    with pytest.raises(DataError, match="expands to more than"):
        read(path, options=OPTIONS)


@pytest.mark.parametrize(
    "first", ["0.126,-0.132,3.5,ja", "0.126,-0.132,,ja", "1,1,2,ja", "-3,4,5,ja", "1e-3,ja,nein,x", "3,2,1,4"]
)
def test_a_first_line_of_numbers_is_an_error(write, first):
    content = f"{first}\n1,2,3,x\n4,5,6,y\n"
    with pytest.raises(DataError, match=r"the first line contains numbers .* set option header=false"):
        read(write(content), options={"modalities": {"a": "*"}})
    options = {"modalities": {"a": "column_1,column_2,column_3"}, "header": False}
    if "ja,nein" not in first and not first.endswith(",,ja"):
        assert read(write(content), options=options).n_samples == 3


@pytest.mark.parametrize("header", ["0,1,2,3", "2019,2020,2021,2022", "age,2,name,x", "400.5,401.0,401.5,402.0,402.5"])
def test_numbers_can_be_column_names(write, header):
    names = header.split(",")
    path = write(header + "\n" + ",".join("7" * len(names)) + "\n")
    assert read(path, options={"modalities": {"a": "*"}}).feature_names["a"] == tuple(names)


def test_ambiguous_thousands_are_not_decimals(write):
    path = write('a_1,b_1,y\n"1,000",2,ja\n"2,500",3,nein\n')
    with pytest.raises(DataError, match=r"column 'a_1' is text.*row 0 is '1,000'; set option decimal"):
        read(path, options=OPTIONS)
    assert read(path, options={**OPTIONS, "decimal": ","}).modalities["a"].values.tolist() == [[1], [2.5]]


@pytest.mark.parametrize(("line", "row"), [("1,2\n", 2), ("1,2,3,4,5\n", 2)])
def test_a_row_of_another_length_is_named(write, line, row):
    content = "a_1,a_2,b_1,y\n1,2,3,u\n1,2,3,v\n" + line + "1,2,3,u\n"
    with pytest.raises(DataError, match=rf"row {row}: \d cells, expected 4"):
        read(write(content), options=OPTIONS)


@pytest.mark.parametrize("options", [{"delimiter": "ab"}, {"encoding": "klingon"}, {"decimal": ";"}])
def test_invalid_options(write, options):
    with pytest.raises(SettingsError, match=next(iter(options))):
        read(write(PLAIN), options={**OPTIONS, **options})


def test_wide_rows(write):
    names = ",".join(f"a_{k}" for k in range(60_000))
    path = write(f"{names},y\n" + f"{'0.25,' * 60_000}1\n" * 2)
    assert read(path, options={"modalities": {"a": "a_*"}, "target": "y"}).modalities["a"].n_features == 60_000


def test_a_table_of_one_column_keeps_empty_lines(write):
    data = read(write("a_1\n1.5\n\n2.5\n"), options={"modalities": {"a": "a_1"}})
    assert data.availability.ravel().tolist() == [True, False, True]


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=8, unique=True), st.sampled_from([",", ";", "\t", "|"]), st.booleans())
def test_ids_and_groups_are_the_text_of_the_file(tmp_path_factory, ids, delimiter, quoted):
    path = tmp_path_factory.mktemp("ids") / "data.csv"
    frame = pd.DataFrame({"a_1": np.arange(len(ids)) + 0.5, "pid": ids, "site": ids[::-1]})
    frame.to_csv(path, index=False, sep=delimiter, quoting=1 if quoted else 0, encoding="utf-8")
    options = {"modalities": {"a": "*"}, "id": "pid", "group": "site", "delimiter": delimiter, "decimal": "."}
    data = read(path, options=options)
    assert data.sample_ids.tolist() == ids
    assert data.groups.tolist() == ids[::-1]
    assert data.feature_names == {"a": ("a_1",)}


NUMBERS = st.floats(-1e6, 1e6, allow_nan=False, width=32) | st.none()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(NUMBERS, NUMBERS, st.sampled_from(["u", "v"])), min_size=2, max_size=6),
    st.sampled_from([(",", "."), (";", "."), (";", ","), ("\t", ","), ("|", ",")]),
    st.sampled_from(["", "NA", "?", "None", "-"]),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_written_numbers_are_read_or_rejected(tmp_path_factory, rows, marks, missing, quoted, line_end):
    path = tmp_path_factory.mktemp("forms") / "data.csv"
    frame: Any = pd.DataFrame(rows, columns=["a_1", "b_1", "y"]).astype({"a_1": float, "b_1": float})
    frame.to_csv(
        path, index=False, sep=marks[0], decimal=marks[1], na_rep=missing, quoting=int(quoted), lineterminator=line_end
    )
    given_form = {"delimiter": marks[0], "decimal": marks[1], "na_values": [missing]}
    for options in ({}, given_form):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            try:
                data = read(path, options={**OPTIONS, **options})
            except DataError:
                # some tables are ambiguous, or have no observed modality
                if options and not frame[["a_1", "b_1"]].isna().all(axis=None):
                    raise
                continue
        for name in ("a", "b"):
            expected = frame[f"{name}_1"].dropna().to_numpy(dtype=np.float32)
            np.testing.assert_array_equal(data.modalities[name].values.ravel(), expected)


@pytest.mark.parametrize(
    ("mark", "decimal", "cells"),
    [
        (",", ".", ["1,250.5", "12,345,678", "-980"]),
        (".", ",", ["1.250,5", "12.345.678", "-980"]),
        ("'", ".", ["1'250.5", "12\u2019345\u2019678", "-980"]),
        ("space", ",", ["1 250,5", "12\xa0345\u202f678", "-980"]),
    ],
)
def test_marks_between_thousands(write, mark, decimal, cells):
    rows = [
        f'"{cell}";{k}{decimal}5;{label};P1.000{k}\n' for k, (cell, label) in enumerate(zip(cells, "uvu", strict=True))
    ]
    path = write("a_1;b_1;y;pid\n" + "".join(rows))
    numbers = [[1250.5], [12345678], [-980]]
    with pytest.raises(DataError, match=r"column 'a_1' is text.*row 0 is .*thousands=.{3} if this mark"):
        read(path, options={**OPTIONS, "decimal": decimal, "delimiter": ";"})
    options = {**OPTIONS, "decimal": decimal, "thousands": mark, "delimiter": ";", "id": "pid"}
    data = read(path, options=options)
    assert data.modalities["a"].values.tolist() == numbers
    assert data.sample_ids.tolist() == ["P1.0000", "P1.0001", "P1.0002"]
    targets = {"modalities": {"b": "b_*"}, "target": "a_1", "task": "numbers"}
    assert read(path, options={**options, **targets}).target.values.tolist() == [row[0] for row in numbers]


def test_one_mark_cannot_be_decimal_and_between_thousands(write):
    with pytest.raises(DataError, match="options decimal and thousands are both ','"):
        read(write(PLAIN), options={**OPTIONS, "decimal": ",", "thousands": ","})


def test_numbers_of_several_columns_with_points_between_thousands_are_no_categories(write):
    path = write("a_1;b_1;y\n10.043.000;0,5;u\n9.250.000;1,5;v\n")
    with pytest.raises(DataError, match=r"column 'a_1' is text.*'10\.043\.000'; set option thousands='\.'"):
        read(path, options={**OPTIONS, "decimal": ",", "delimiter": ";"})


@pytest.mark.parametrize(
    ("content", "kind"),
    [(gzip.compress(b"a,b\n1,2\n", mtime=0), "gzip"), (b"PAR1\x15\0", "Parquet"), (b"PK\x03\x04\0", "zip or Excel")],
)
def test_a_file_of_another_type_is_named(write, content, kind):
    with pytest.raises(DataError, match=rf"data\.csv: not a readable table \(the content is a {kind} file"):
        read(write(content), options=OPTIONS)


@pytest.mark.parametrize(
    ("labels", "message"), [(["Yes", "yes"], "'Yes' and 'yes' differ only in case"), (["u", "u "], "'u ' differ")]
)
def test_classes_that_differ_only_in_form_are_named(write, labels, message):
    path = write("a_1,b_1,y\n" + "".join(f"1,2,{label}\n" for label in labels))
    with pytest.warns(DataWarning, match=message):
        assert read(path, options=OPTIONS).target.classes.tolist() == labels
