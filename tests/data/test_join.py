"""Outer join of tables, archives and folders by sample id."""

import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redcore.data import MultimodalData
from redcore.data.formats import read
from redcore.data.store import write_store
from redcore.exceptions import DataError, JoinWarning, NonFiniteError, UnknownNameError

RNA = "patient_id,g1,g2\n001,1.5,2\n002,3,4\n003,5,6\n"
BLOOD = "patient_id,crp\n003,0.3\n004,0.4\n002,0.2\n"
LABELS = "patient_id,outcome,site,part\n001,ill,A,train\n002,well,A,train\n003,ill,B,test\n004,well,B,val\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in {"rna.csv": RNA, "blood.csv": BLOOD, "labels.csv": LABELS}.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def values(data, name):
    """Return the values of a modality, (n_samples, n_features), with NaN where it is missing."""
    modality = data.modalities[name]
    full = np.full((data.n_samples, modality.n_features), np.nan)
    full[modality.availability] = modality.values
    return full.tolist()


def test_tables_are_joined_by_id(folder):
    options = {"target": "labels.csv:outcome", "groups": "labels.csv:site", "split": "labels.csv:part"}
    data = MultimodalData.join({"rna": "rna.csv", "blood": "blood.csv"}, "patient_id", **options)
    assert data.sample_ids.tolist() == ["001", "002", "003", "004"]
    np.testing.assert_array_equal(values(data, "rna"), [[1.5, 2], [3, 4], [5, 6], [np.nan, np.nan]])
    np.testing.assert_array_equal(values(data, "blood"), np.float32([[np.nan], [0.2], [0.3], [0.4]]))
    assert data.target.classes[data.target.values].tolist() == ["ill", "well", "ill", "well"]
    assert data.groups.tolist() == ["A", "A", "B", "B"]
    assert data.split.tolist() == [0, 0, 2, 1]
    assert data.feature_names == {"blood": ("crp",), "rna": ("g1", "g2")}


def test_order_of_modalities_and_rows_has_no_effect(folder):
    (folder / "shuffled.csv").write_text("g2,patient_id,g1\n6,003,5\n2,001,1.5\n4,002,3\n")
    one = MultimodalData.join({"rna": "rna.csv", "blood": "blood.csv"}, "patient_id")
    other = MultimodalData.join({"blood": "blood.csv", "rna": "shuffled.csv:g1,g2"}, "patient_id")
    assert one.checksum() == other.checksum()


def test_report_counts_samples_and_patterns(folder):
    (folder / "labels.csv").write_text("patient_id,outcome\n001,1\n002,0\n003,\n009,1\n")
    with pytest.warns(JoinWarning, match="2 ids have no target and are left out"):
        joined = MultimodalData.join_with_report(
            {"rna": "rna.csv", "blood": "blood.csv"}, "patient_id", target="labels.csv:outcome"
        )
    report = joined.report
    assert joined.data.sample_ids.tolist() == ["001", "002"]
    assert joined.data.target.classes.tolist() == [0, 1]
    assert (report.n_samples, report.n_without_target, report.n_target_only) == (2, 2, 1)
    rna = report.modalities["rna"]
    assert (rna.source, rna.n_ids, rna.n_observed, rna.n_only_here) == ("rna.csv", 3, 2, 1)
    assert [(p.observed, p.n_samples) for p in report.patterns] == [(("blood", "rna"), 1), (("rna",), 1)]
    assert json.loads(json.dumps(report.to_dict()))["patterns"][1] == {"observed": ["rna"], "n_samples": 1}


def sources_of_all_kinds(folder):
    pq.write_table(pa.table({"patient_id": ["001", "003"], "x": [1.0, 2.0]}), folder / "p.parquet")
    (folder / "t.tsv").write_text("patient_id\tx\n001\t1\n003\t2\n")
    (folder / "z.csv.gz").write_bytes(gzip.compress(b"patient_id,x\n001,1\n003,2\n"))
    (folder / "bom.csv").write_text("\ufeffpatient_id,x\r\n001,1\r\n003,2\r\n", encoding="utf-8", newline="")
    np.savez(folder / "a.npz", **{"003": np.array([2.0]), "001": np.array([1.0])})
    (folder / "files").mkdir()
    np.save(folder / "files" / "001.npy", np.array([1.0]))
    np.save(folder / "files" / "003.npy", np.array([2.0]))
    frame = pd.DataFrame({"patient_id": ["001", "003"], "x": [1, 2]})
    return {
        "parquet": "p.parquet",
        "tsv": folder / "t.tsv",
        "gzip": "z.csv.gz",
        "bom": "bom.csv",
        "npz": "a.npz",
        "files": "files",
        "pandas": frame,
        "index": frame.set_index("patient_id"),
        "unnamed index": pd.DataFrame({"x": [2, 1]}, index=["003", "001"]),
        "polars": pl.from_pandas(frame),
        "arrow": pa.table({"patient_id": ["001", "003"], "x": [1, 2]}),
        "mapping": {"001": [1.0], "003": [2.0]},
    }


def test_every_kind_of_source_gives_the_same_values(folder):
    sources = sources_of_all_kinds(folder)
    data = MultimodalData.join({**sources, "rna": "rna.csv"}, "patient_id")
    assert data.sample_ids.tolist() == ["001", "002", "003"]
    for name in sources:
        np.testing.assert_array_equal(values(data, name), [[1], [np.nan], [2]], err_msg=name)


def test_sequences_in_archives_and_folders(folder):
    np.savez(folder / "a.npz", **{"001": np.ones((3, 2)), "002": np.ones((1, 2))})
    (folder / "ecg").mkdir()
    (folder / "ecg" / "002.csv").write_text("lead1,lead2\n1,2\n3,4\n")
    (folder / "ecg" / "003.csv").write_text("lead1,lead2\n5,6\n")
    data = MultimodalData.join({"audio": "a.npz", "ecg": "ecg"})
    assert data.modalities["audio"].lengths.tolist() == [3, 1]
    assert data.modalities["ecg"].values.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert data.feature_names == {"ecg": ("lead1", "lead2")}


def test_transposed_table(folder):
    (folder / "wide.csv").write_text("gene,003,001\ng1,5,1.5\ng2,6,2\n")
    data = MultimodalData.join({"wide": "wide.csv", "rna": "rna.csv"}, "patient_id", transpose=["wide"])
    np.testing.assert_array_equal(values(data, "wide"), [[1.5, 2], [np.nan] * 2, [5, 6]])
    assert data.feature_names["wide"] == data.feature_names["rna"] == ("g1", "g2")
    data = MultimodalData.join({"wide": "wide.csv:g2", "rna": "rna.csv"}, "patient_id", transpose=["wide"])
    assert data.feature_names["wide"] == ("g2",)
    with pytest.raises(UnknownNameError, match="unknown modality 'dna'"):
        MultimodalData.join({"wide": "wide.csv"}, "patient_id", transpose=["dna"])


def test_ids_are_text_as_in_the_file(folder):
    (folder / "a.csv").write_text('id,x\n1E1,1\n"12345678901234567890",2\n0010,3\n')
    (folder / "b.csv").write_text("id,y\n0010,1\n1E1,2\nNA,3\n")
    data = MultimodalData.join({"a": "a.csv", "b": "b.csv"}, "id")
    assert data.sample_ids.tolist() == ["0010", "12345678901234567890", "1E1", "NA"]
    np.testing.assert_array_equal(values(data, "b"), [[1], [np.nan], [2], [3]])


def test_target_columns_are_no_features(folder):
    (folder / "all.csv").write_text("id,x,outcome,site\na,1,0,S\nb,2,1,S\nc,3,1,T\n")
    data = MultimodalData.join({"lab": "all.csv"}, "id", target="all.csv:outcome", groups="./all.csv:site")
    assert data.feature_names == {"lab": ("x",)}
    with pytest.raises(DataError, match=r"all.csv: no column matches 'outcome'"):
        MultimodalData.join({"lab": "all.csv:x,outcome"}, "id", target="all.csv:outcome")


@pytest.mark.parametrize(
    ("column", "task", "kind"),
    [
        ("whole", "auto", "multiclass"),
        ("whole", "numbers", "regression"),
        ("half", "auto", "regression"),
        ("yes", "auto", "binary"),
        ("zero,one", "auto", "multilabel"),
        ("zero", "labels", "multilabel"),
        ("half,whole", "auto", "regression"),
    ],
)
def test_kinds_of_targets(folder, column, task, kind):
    rows = ["patient_id,whole,half,yes,zero,one", "001,1,0.5,true,0,1", "002,2,1,false,1,1", "003,3,1.5,true,0,0"]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    data = MultimodalData.join({"rna": "rna.csv"}, "patient_id", target=f"labels.csv:{column}", task=task)
    assert data.target.kind == kind


def test_target_from_a_series_or_mapping(folder):
    labels = {"001": "a", "002": "b", "003": None}
    for target in (labels, pd.Series(labels)):
        with pytest.warns(JoinWarning, match="1 ids have no target"):
            data = MultimodalData.join({"rna": "rna.csv"}, "patient_id", target=target)
        assert data.target.values.tolist() == [0, 1]


def test_ids_of_different_form_are_reported(folder):
    (folder / "other.csv").write_text("patient_id,y\n1,1\n2,2\n003,3\n")
    text = "2 ids of other.csv and rna.csv differ in form only, such as '1' and '001'; they are not joined"
    with pytest.warns(JoinWarning, match=text):
        joined = MultimodalData.join_with_report({"rna": "rna.csv", "other": "other.csv"}, "patient_id")
    assert joined.data.n_samples == 5
    assert joined.report.id_forms[0].n_ids == 2


@pytest.mark.parametrize("ids", [["1", "2", "3"], ["P-001", "P-002"], ["p_1", "p_2"], ["1.0", "2.0"], ["001 ", "002 "]])
def test_sources_that_share_no_id_are_an_error(folder, ids):
    (folder / "a.csv").write_text("".join(f"{line},0\n" for line in ["id", *ids]).replace("id,0", "id,x"))
    first = "P 1" if ids[0][0] in "pP" else "001"
    (folder / "b.csv").write_text(f"id,x\n{first},1\n099,2\n")
    text = (
        rf"a.csv: none of the {len(ids)} ids is in another source.* of b.csv.*; 1 ids of a.csv and b.csv differ in form"
    )
    with pytest.raises(DataError, match=text):
        MultimodalData.join({"a": "a.csv", "b": "b.csv"}, "id")


def test_target_without_shared_ids_is_an_error(folder):
    with pytest.raises(DataError, match="target"):
        MultimodalData.join({"rna": "rna.csv", "blood": "blood.csv"}, "patient_id", target={"x": 1, "y": 0})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("patient_id,g\n001,1\n002,2\n001,3\n", "bad.csv: id '001' occurs twice, in rows 1 and 3"),
        ("patient_id,g\n001,1\n,2\n", "bad.csv: row 2 has no id"),
        ("patient_id,g\n001,1\n002,high\n", "bad.csv: column 'g', row of id '002': 'high' is not a number"),
        ("patient_id,g,h\n001,1,1\n002,2,inf\n", "bad.csv: row of id '002', column 'h' is inf"),
        ("patient_id,g,h\n001,1,1\n002,2,\n", "bad.csv: row of id '002', column 'h' is empty in a row"),
        ("patient_id,g,g\n001,1,1\n", "bad.csv: column 'g' occurs twice, in columns 2 and 3"),
        ("name,g\n001,1\n", "bad.csv: no column 'patient_id'; columns: name, g .*transpose"),
        ("patient_id\n001\n", "bad.csv: no columns of features besides 'patient_id'"),
        ("patient_id,g\n", "bad.csv: the table has no rows"),
        ("", "bad.csv: "),
        ("patient_id,g\n001,1,2\n", "bad.csv: not a readable table"),
    ],
)
def test_bad_tables_are_named_with_row_column_and_id(folder, content, text):
    (folder / "bad.csv").write_text(content)
    with pytest.raises(DataError, match=text):
        MultimodalData.join({"bad": "bad.csv", "rna": "rna.csv"}, "patient_id", nan_rows="error")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("gene,001,001\ng1,1,2\n", "bad.csv: column '001' occurs twice, in columns 2 and 3"),
        ("gene,001\ng1,1\ng1,2\n", "bad.csv: feature 'g1' occurs twice, in rows 1 and 2"),
        ("gene,001\ng1,1\n,2\n", "bad.csv: row 2 has no feature name"),
        ("gene,001,002\ng1,1,2\ng2,1,x\n", "bad.csv: column '002', row of feature 'g2': 'x' is not a number"),
        ("gene\ng1\n", "bad.csv: no columns of samples"),
    ],
)
def test_bad_transposed_tables(folder, content, text):
    (folder / "bad.csv").write_text(content)
    with pytest.raises(DataError, match=text):
        MultimodalData.join({"bad": "bad.csv", "rna": "rna.csv"}, "patient_id", transpose=["bad"])


def test_bad_archives_and_folders(folder):
    np.savez(folder / "a.npz", **{"001": np.ones(3), "002": np.ones(2)})
    np.savez(folder / "b.npz", **{"001": np.array(["x"])})
    np.savez(folder / "inf.npz", **{"001": np.array([np.inf])})
    (folder / "c.npz").write_bytes(b"PK\x03\x04damaged")
    (folder / "d").mkdir()
    (folder / "e").mkdir()
    (folder / "e" / "001.npy").write_bytes(b"\x93NUMPY\x01\x00")
    (folder / "empty").mkdir()
    with (folder / "empty" / "001.npy").open("wb") as stream:
        header = {"descr": "|S0", "fortran_order": False, "shape": (2**32, 2**32)}
        np.lib.format.write_array_header_1_0(stream, header)
    (folder / "f").mkdir()
    (folder / "f" / "001.txt").write_text("1")
    for source, text in {
        "a.npz": "a.npz: id '002' has shape \\(2,\\)",
        "b.npz": "b.npz: id '001' contains values that are not numbers",
        "inf.npz": "inf.npz: id '001' contains infinite values",
        "c.npz": "c.npz: not a readable npz archive",
        "d": "d: the folder is empty",
        "e": "001.npy: not a readable npy array",
        "empty": "001.npy: an array of .*, expected numbers",
        "f": "001.txt: expected a file <id>.npy",
        "g.csv": "g.csv: no such file or folder",
    }.items():
        with pytest.raises(DataError, match=text):
            MultimodalData.join({"x": source, "rna": "rna.csv"}, "patient_id")
    with pytest.raises(DataError, match="modality 'x' is a int, expected a path"):
        MultimodalData.join({"x": 3}, "patient_id")
    with pytest.raises(DataError, match="the column of the ids is not defined"):
        MultimodalData.join({"rna": "rna.csv"})
    with pytest.raises(DataError, match="expected FILE:COLUMN"):
        MultimodalData.join({"rna": "rna.csv"}, "patient_id", target="labels.csv")
    with pytest.raises(DataError, match=r"labels.csv: no column 'event'"):
        MultimodalData.join({"rna": "rna.csv"}, "patient_id", target="labels.csv:event")


def test_groups_and_split_are_needed_for_every_sample(folder):
    with pytest.raises(DataError, match="id '003' has no group \\(1 of 3 ids have none\\)"):
        MultimodalData.join({"rna": "rna.csv"}, "patient_id", groups={"001": "A", "002": "B"})
    with pytest.raises(DataError, match="split 'late', expected train, validation or test"):
        MultimodalData.join({"rna": "rna.csv"}, "patient_id", split=dict.fromkeys(("001", "002", "003"), "late"))


def test_partly_empty_rows_can_be_missing(folder):
    (folder / "bad.csv").write_text("patient_id,g,h\n001,1,1\n002,2,\n")
    sources = {"bad": "bad.csv", "rna": "rna.csv"}
    with pytest.raises(NonFiniteError):
        MultimodalData.join(sources, "patient_id", nan_rows="error")
    data = MultimodalData.join(sources, "patient_id", nan_rows="missing")
    assert data.modalities["bad"].availability.tolist() == [True, False, False]


def test_joined_data_is_stored_losslessly(folder):
    data = MultimodalData.join({"rna": "rna.csv", "blood": "blood.csv"}, "patient_id", target="labels.csv:outcome")
    write_store(data, folder / "store")
    stored = read(folder / "store")
    assert stored.checksum() == data.checksum()
    assert stored.feature_names == data.feature_names


IDS = st.text(st.characters(codec="ascii", exclude_characters='",\r\n\x00'), min_size=1, max_size=4)
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False, width=32)
TABLE = st.dictionaries(IDS.filter(str.strip), st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6)


@pytest.mark.filterwarnings("ignore::redcore.exceptions.JoinWarning")
@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), TABLE, min_size=1), st.data())
def test_join_equals_a_join_of_dictionaries(tables, data):
    shared = data.draw(IDS.filter(str.strip))
    tables = {name: {**table, shared: (1.0, 2.0)} for name, table in tables.items()}
    with tempfile.TemporaryDirectory() as name:
        sources = {key: write_source(Path(name) / key, data, table) for key, table in tables.items()}
        joined = MultimodalData.join_with_report(
            sources, "the id", transpose=[key for key, path in sources.items() if path.stem == "wide"]
        )
    ids = sorted({one for table in tables.values() for one in table})
    assert joined.data.sample_ids.tolist() == ids
    for key, table in tables.items():
        expected = [list(map(np.float32, table.get(one, (np.nan, np.nan)))) for one in ids]
        np.testing.assert_array_equal(values(joined.data, key), expected)
        assert joined.report.modalities[key].n_ids == len(table)
    assert sum(pattern.n_samples for pattern in joined.report.patterns) == len(ids)


def write_source(folder, data, table):
    """Write a table by id in one of the forms of a source."""
    folder.mkdir()
    frame = pd.DataFrame(
        {"the id": list(table), "x": [x for x, _ in table.values()], "y": [y for _, y in table.values()]}
    )
    form = data.draw(st.sampled_from(["csv", "tsv", "parquet", "wide"]))
    path = folder / f"table.{form}"
    if form == "parquet":
        frame.to_parquet(path)
    elif form == "wide":
        path = folder / "wide.csv"
        frame.set_index("the id").T.to_csv(path, index_label="feature")
    else:
        frame.to_csv(path, index=False, sep="\t" if form == "tsv" else ",")
    return path


def test_columns_of_categories_and_dates_are_joined(tmp_path):
    (tmp_path / "patients.csv").write_text(
        "id,ward,day,smoker\np1,surgery,1970-01-02,true\np2,,1970-01-03,\np3,cardiology,,false\n"
    )
    blood = {"p1": [1.0], "p3": [2.0]}
    data = MultimodalData.join({"patient": tmp_path / "patients.csv", "blood": blood}, "id")
    assert data.categories == {"patient": {"ward": ("cardiology", "surgery")}}
    np.testing.assert_array_equal(data.modalities["patient"].values, [[1, 1, 1], [np.nan, 2, np.nan], [0, np.nan, 0]])


def test_declared_categories_of_a_join(folder):
    (folder / "stay.csv").write_text("patient_id,icu,age\n001,01,60\n002,1,70\n003,,80\n")
    sources, options = {"rna": "rna.csv", "stay": "stay.csv"}, {"category": "icu"}
    data = MultimodalData.join(sources, "patient_id", options=options)
    assert data.categories == {"stay": {"icu": ("01", "1")}}
    np.testing.assert_array_equal(values(data, "stay"), [[0, 60], [1, 70], [np.nan, 80]])
    frame = pd.DataFrame({"icu": [3, 4, 3], "age": [60, 70, 80]}, index=["001", "002", "003"])
    data = MultimodalData.join({**sources, "stay": frame}, "patient_id", options=options)
    assert data.categories == {"stay": {"icu": ("3", "4")}}


@pytest.mark.parametrize("category", ["bed", "patient_id", "outcome"])
def test_a_declared_category_of_a_join_must_be_a_feature(folder, category):
    sources = {"rna": "rna.csv", "labels": "labels.csv"}
    with pytest.raises(DataError, match=f"category: no column of features matches '{category}'; files: .*labels.csv"):
        MultimodalData.join(sources, "patient_id", target="labels.csv:outcome", options={"category": category})


def test_a_transposed_table_has_no_categories(folder):
    (folder / "t.csv").write_text("gene,001,002\ng1,1,2\ng2,3,4\n")
    with pytest.raises(DataError, match="category: no column of features matches 'g1'"):
        MultimodalData.join({"t": "t.csv"}, "patient_id", transpose=["t"], options={"category": "g1"})
