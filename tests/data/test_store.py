"""The store: atomic writing, reading by blocks, and errors for damaged files."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories import TARGETS, make_data
from redcore.data import MultimodalData, Target, concatenate
from redcore.data.formats import read
from redcore.data.store import Store, StoreWriter, _writer, write_store
from redcore.data.store._writer import file_sha256
from redcore.exceptions import DataError, NonFiniteError, ShapeError, TargetError


@pytest.fixture
def folder(tmp_path):
    write_store(make_data("multiclass", 24, sequences=True), tmp_path / "store")
    return tmp_path / "store"


def reseal(folder, **changes):
    """Update sizes and checksums of the card to the current content of the shards."""
    card = json.loads((folder / "card.json").read_text())
    for shard in card["shards"]:
        path = folder / shard["file"]
        shard |= {"n_bytes": path.stat().st_size, "sha256": file_sha256(path)}
    (folder / "card.json").write_text(json.dumps({**card, **changes}))


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("kind", TARGETS)
def test_round_trip_of_every_kind_of_target(tmp_path, kind, sequences):
    data = make_data(kind, 24, sequences=sequences, groups=np.arange(24) // 5, split=np.arange(24) % 3)
    write_store(data, tmp_path / "store")
    again = Store(tmp_path / "store").read()
    assert again.checksum() == data.checksum()
    np.testing.assert_array_equal(again.groups, data.groups)
    np.testing.assert_array_equal(again.split, data.split)
    assert again.sample_ids.dtype == data.sample_ids.dtype


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), rate=st.floats(0, 1), labels=st.booleans())
def test_round_trip_of_random_data(tmp_path_factory, seed, n, rate, labels):
    rng = np.random.default_rng(seed)
    hidden = rng.random((n, 3)) < rate
    data = MultimodalData.from_arrays(
        {
            "a": rng.normal(size=(n, 2)),
            "s": [rng.normal(size=(rng.integers(1, 6), 3)) for _ in range(n)],
            "never": None,
        },
        Target.from_labels([f"é{code}" for code in rng.integers(0, 2, n)], ["é0", "é1"]) if labels else None,
        availability=~hidden,
        sample_ids=[f"id {row}" for row in range(n)],
    )
    folder = tmp_path_factory.mktemp("any") / "store"
    write_store(data, folder)
    assert Store(folder).read().checksum() == data.checksum()
    np.testing.assert_array_equal(Store(folder).index().availability, data.availability)


def test_blocks_and_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(_writer, "BLOCK_BYTES", 1)
    monkeypatch.setattr(_writer, "BLOCKS_PER_SHARD", 2)
    data = make_data("regression", 400)
    write_store(data, tmp_path / "store")
    store = Store(tmp_path / "store")
    assert len(store.card.shards) == 4
    assert store.n_blocks == 7
    assert store.starts.tolist() == [0, 64, 128, 192, 256, 320, 384, 400]
    assert concatenate(list(store.blocks())).checksum() == data.checksum()
    assert store.block(3).sample_ids.tolist() == list(range(192, 256))


def test_chunks_are_appended_to_one_store(tmp_path):
    data = make_data("multiclass", 24)
    with StoreWriter(tmp_path / "store") as writer:
        writer.append(data.take(np.arange(10)))
        writer.append(data.take(np.arange(10, 24)))
    assert Store(tmp_path / "store").read().checksum() == data.checksum()


def test_exception_while_writing_leaves_no_files(tmp_path):
    def write(*chunks):
        with StoreWriter(tmp_path / "store") as writer:
            for chunk in chunks:
                writer.append(chunk)

    with pytest.raises(DataError, match="as in the first chunk"):
        write(make_data("multiclass"), make_data("regression"))
    with pytest.raises(DataError, match="no samples"):
        write()
    assert not list(tmp_path.iterdir())


def test_existing_store_is_not_overwritten(folder):
    with pytest.raises(DataError, match="exists already"):
        write_store(make_data(), folder)


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.999])
def test_modified_byte_is_detected(folder, place):
    path = folder / "part-00000.parquet"
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"part-00000\.parquet: content does not match the checksum"):
        Store(folder)


def test_incomplete_stores(folder):
    (folder / "part-00000.parquet").rename(folder / "away")
    with pytest.raises(DataError, match=r"part-00000\.parquet: file does not exist"):
        Store(folder)
    (folder / "away").rename(folder / "part-00000.parquet")
    (folder / "card.json").unlink()
    with pytest.raises(DataError, match="incompletely written"):
        Store(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema version is 2, expected 1"),
        ({"format": "other"}, "not the card of a store"),
        ({"n_samples": 25}, "the shards contain 24 samples, expected 25"),
        ({"n_samples": -1}, "n_samples"),
        ({"surprise": 1}, "unknown setting 'surprise'"),
        ({"shards": []}, "shards"),
        ({"shards": [{"file": "../../etc/passwd", "n_samples": 24, "n_bytes": 9, "sha256": "0" * 64}]}, "file"),
    ],
)
def test_invalid_cards(folder, change, message):
    reseal(folder, **change)
    with pytest.raises(DataError, match=message) as error:
        Store(folder)
    assert "card.json" in str(error.value)


def edit(folder, name, column):
    path = folder / "part-00000.parquet"
    table = pq.read_table(path)
    index = table.column_names.index(name)
    pq.write_table(table.set_column(index, name, column(table[name].to_pylist())), path)
    reseal(folder)


def spoil(row, value):
    def change(entries):
        entries[row] = value
        return pa.array(entries, type=pa.list_(pa.float32()))

    return change


@pytest.mark.parametrize(
    ("name", "column", "kind", "message"),
    [
        ("x_text", spoil(2, [1.0] * 5), ShapeError, "modality 'text', row 2: 5 features, expected 4"),
        ("x_text", spoil(3, [1.0, None, 1.0, 1.0]), DataError, "modality 'text': a feature is null"),
        ("x_text", spoil(4, [1.0, np.inf, 1.0, 1.0]), NonFiniteError, "modality 'text', row 4, feature 1"),
        ("x_text", lambda entries: pa.array(["no"] * len(entries)), DataError, "column type string"),
        ("y", lambda entries: pa.array([9] * len(entries)), TargetError, "label 9 in row 0"),
        ("y", lambda entries: pa.array([None] * len(entries), pa.int64()), DataError, "contains nulls"),
        ("sample_id", lambda entries: pa.array([1] * len(entries)), DataError, "sample id 1 occurs 24 times"),
    ],
)
def test_invalid_columns(folder, name, column, kind, message):
    edit(folder, name, column)
    with pytest.raises(kind, match=message):
        Store(folder).read()


def test_absent_column(folder):
    path = folder / "part-00000.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["x_audio"]), path)
    reseal(folder)
    with pytest.raises(DataError, match="no column 'x_audio'"):
        Store(folder).read()


def test_concatenate_needs_the_same_schema():
    one, other = make_data("multiclass"), make_data("regression")
    with pytest.raises(DataError, match="targets of different kinds"):
        concatenate([one, other])
    with pytest.raises(DataError, match="same modalities"):
        concatenate([one, one.select(["text"])])
    with pytest.raises(DataError, match="some of the data sets to concatenate have groups"):
        concatenate([one, make_data("multiclass", groups=np.zeros(24))])
    with pytest.raises(DataError, match="modality 'audio' differs between the data sets"):
        concatenate([one, make_data("multiclass", sequences=True)])


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet", ".pkl", ".h5ad"])
def test_store_with_the_suffix_of_a_file_is_read(suffix, tmp_path):
    data = make_data("multiclass")
    write_store(data, tmp_path / f"store{suffix}")
    assert read(tmp_path / f"store{suffix}").checksum() == data.checksum()


def test_chunk_with_other_categories_is_named(tmp_path):
    def chunk(names):
        return MultimodalData.from_arrays({"p": pd.DataFrame({"a": names})})

    with StoreWriter(tmp_path / "store") as writer:
        writer.append(chunk(["x", "y"]))
        with pytest.raises(DataError, match=r"with modalities\.p\.categories\.a \['z'\], expected \['x', 'y'\]"):
            writer.append(chunk(["z"]))


def test_card_that_is_too_large_to_read_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr("redcore.data.store._writer.MAX_CARD_BYTES", 100)
    with pytest.raises(
        DataError, match=r"card.json with names, categories and texts has \d+ bytes, expected at most 100"
    ):
        write_store(make_data("multiclass"), tmp_path / "store")
    assert not (tmp_path / "store").exists()
