"""Images and token ids keep their type in memory, in stores and in files, and are converted batch by batch."""

import numpy as np
import pytest
import torch

from redcore.data import MultimodalData, Schema, Target, concatenate
from redcore.data.formats import read
from redcore.data.store import Store, write_store
from redcore.exceptions import DataError, NonFiniteError, SchemaError, ShapeError
from redcore.inspection import summarise
from redcore.missing import ampute
from redcore.nn import collate
from redcore.preprocessing import Cells, Preprocessor, summarize, vectors_of

N = 12
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (N, 3, 6, 5)).astype(np.uint8)
TOKENS = [RNG.integers(1, 9, size=1 + row % 4) for row in range(N)]
TARGET = Target.from_labels(np.arange(N) % 2)


def padded(sequences, padding=0):
    longest = max(len(ids) for ids in sequences)
    return np.stack([np.pad(ids, (0, longest - len(ids)), constant_values=padding) for ids in sequences])


def make_data(images=IMAGES, tokens=TOKENS, **options):
    return MultimodalData.from_arrays({"photo": images, "text": tokens}, TARGET, tokens={"text": 0}, **options)


def same(one, other):
    for name in one.names:
        np.testing.assert_array_equal(one.modalities[name].availability, other.modalities[name].availability)
        first, second = (data.modalities[name].gather(np.arange(N)) for data in (one, other))
        assert first.values.dtype == second.values.dtype
        np.testing.assert_array_equal(first.values, second.values)
        np.testing.assert_array_equal(first.lengths, second.lengths)


def test_types_and_shapes_of_the_batch():
    hidden = np.ones((N, 2), dtype=bool)
    hidden[2] = [False, True]
    data = make_data(availability=hidden)
    photo, text = data.modalities["photo"], data.modalities["text"]
    assert (photo.values.dtype, photo.shape, photo.form) == (np.uint8, (3, 6, 5), "images")
    assert (text.values.dtype, text.padding, text.form) == (np.int32, 0, "token ids")
    assert repr(data).endswith("photo (images of 3x6x5), text (token ids))")
    batch = collate(data, np.array([0, 2, 5]))
    np.testing.assert_array_equal(batch.modalities[0].values, IMAGES[[0, 5]])
    assert batch.modalities[1].values.dtype == torch.int64
    assert batch.modalities[1].lengths.tolist() == [1, 3, 2]
    assert batch.modalities[1].values[0].tolist() == [*TOKENS[0], 0, 0]


def test_lists_padding_and_missing_entries():
    images = [None if row == 1 else image for row, image in enumerate(IMAGES)]
    listed = make_data(images, [None if row == 3 else ids for row, ids in enumerate(TOKENS)])
    array = padded(TOKENS)
    array[3] = 0
    same(listed, make_data(images, array))
    floats = IMAGES.astype(np.float64)
    floats[1] = np.nan
    photo = make_data(floats).modalities["photo"]
    assert photo.values.dtype == np.float32
    assert not photo.availability[1]
    lengths = np.full(N, 2)
    cut = MultimodalData.from_arrays({"text": padded(TOKENS)}, tokens={"text": 0}, lengths={"text": lengths})
    assert max(cut.modalities["text"].lengths) == 2


@pytest.mark.parametrize(
    ("images", "tokens", "error", "message"),
    [
        ([*IMAGES[:4], IMAGES[4, :, :2], *IMAGES[5:]], TOKENS, ShapeError, r"'photo', row 4: image of shape \(3, 2"),
        (np.where(np.arange(5) == 2, np.nan, IMAGES), TOKENS, NonFiniteError, "'photo', row 0: NaN in a part"),
        (IMAGES, [*TOKENS[:5], np.array([3, -1]), *TOKENS[6:]], DataError, "'text', row 5: token id -1, expected 0"),
        (IMAGES, padded(TOKENS) / 2, DataError, r"'text', row 0: float64 of shape \(4,\), expected token ids"),
    ],
)  # fmt: skip
def test_errors_name_modality_and_row(images, tokens, error, message):
    with pytest.raises(error, match=message):
        make_data(images, tokens)


def test_take_hide_and_concatenate_keep_the_form():
    data = make_data()
    parts = [data.take(np.arange(5)), data.take(np.arange(5, N))]
    same(concatenate(parts), data)
    hidden = data.hide({"photo": np.arange(N) % 2 == 0, "text": np.ones(N, dtype=bool)})
    assert hidden.modalities["photo"].shape == (3, 6, 5)
    assert hidden.modalities["photo"].values.dtype == np.uint8
    with pytest.raises(DataError, match="differs between the data sets"):
        concatenate([parts[0], make_data(IMAGES[:, :, :5, :]).take(np.arange(5, N))])


def test_a_store_reads_images_when_asked_for(tmp_path):
    data = make_data(availability=np.arange(2 * N).reshape(N, 2) % 5 > 0)
    write_store(data, tmp_path / "store")
    same(Store(tmp_path / "store").read(), data)
    stored = Store(tmp_path / "store").data()
    same(stored, data)
    assert stored.modalities["photo"].loaded().values.dtype == np.uint8
    transformed = Preprocessor.fit(stored).transform(stored).modalities["photo"]
    assert transformed.loaded().values.dtype == np.uint8
    assert transformed.gather(np.arange(3)).values.dtype == np.float32
    card = Store(tmp_path / "store").card.modalities
    assert (card["photo"].dtype, card["photo"].shape, card["text"].padding) == ("uint8", (3, 6, 5), 0)


def test_files(tmp_path):
    np.savez(tmp_path / "data.npz", x_photo=IMAGES, x_text=padded(TOKENS, 99), tokens_text=99, y=np.arange(N) % 2)
    expected = MultimodalData.from_arrays({"photo": IMAGES, "text": TOKENS}, TARGET, tokens={"text": 99})
    same(read(tmp_path / "data.npz"), expected)
    for name, values in {"photo": IMAGES, "text": TOKENS}.items():
        (tmp_path / "folder" / name).mkdir(parents=True)
        for row in range(N):
            np.save(tmp_path / "folder" / name / f"{row:02}.npy", values[row])
    lines = ["id,label", *(f"{row:02},{row % 2}" for row in range(N))]
    (tmp_path / "folder" / "labels.csv").write_text("\n".join(lines))
    same(read(tmp_path / "folder", options={"tokens": "text=99"}), expected)


def test_images_are_standardised_by_channel_in_batches():
    data = make_data()
    prepared = Preprocessor.fit(data).transform(data).modalities["photo"]
    assert prepared.values.dtype == np.uint8
    batch = prepared.gather(np.arange(N)).values
    np.testing.assert_allclose(batch.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(batch.std(axis=(0, 2, 3)), 1, atol=1e-5)
    unchanged = Preprocessor.fit(data, {"photo": "identity"}, np.inf).transform(data).modalities["photo"]
    np.testing.assert_array_equal(unchanged.gather(np.arange(N)).values, IMAGES)


def test_unknown_token_ids_share_one_id():
    cells = Cells.fit(make_data())
    n_tokens = 1 + max(int(ids.max()) for ids in TOKENS)
    assert cells["text"].n_tokens == n_tokens
    other = make_data(tokens=[ids + n_tokens for ids in TOKENS])
    assert set(cells.transform(other).modalities["text"].values.ravel().tolist()) == {n_tokens}
    restored = Cells.from_arrays(cells.to_arrays(), {"photo": 90, "text": 1})
    assert restored["text"].n_tokens == n_tokens


def test_summaries_for_methods_without_a_network():
    large = np.arange(2 * 30 * 40, dtype=np.float32).reshape(1, 2, 30, 40)
    vectors = vectors_of(
        MultimodalData.from_arrays({"photo": large, "text": [np.array([1, 1, 257, 5])]}, tokens={"text": 0})
    )
    pooled = vectors.modalities["photo"].values
    assert pooled.shape == (1, 2 * 11 * 11)
    np.testing.assert_allclose(pooled.reshape(2, -1).mean(axis=1), large.mean(axis=(0, 2, 3)), rtol=1e-5)
    counts = vectors.modalities["text"].values[0]
    assert {int(bin_): round(float(value**2), 6) for bin_, value in enumerate(counts) if value} == {1: 0.75, 5: 0.25}
    data = make_data()
    batch = summarize(collate(data, np.arange(N)))
    np.testing.assert_array_equal(batch.modalities[0].values, IMAGES.reshape(N, -1))
    np.testing.assert_allclose(batch.modalities[1].values, vectors_of(data).modalities["text"].values)


def test_other_data_of_a_model_is_rejected():
    schema = Schema.of(make_data())
    with pytest.raises(SchemaError, match="'photo' contains float32 images of 3x6x5, expected uint8 images of 3x6x5"):
        schema.conform(make_data(IMAGES / 255))
    with pytest.raises(SchemaError, match="'text' contains sequences, expected token ids with the padding id 0"):
        schema.conform(MultimodalData.from_arrays({"text": np.ones((N, 4, 1))}))


def test_inspection_and_missing_protocols():
    data = make_data()
    summary = summarise(data)
    assert not any(modality.constant or modality.skewed for modality in summary.modalities)
    hidden = ampute(data, "value_dependent", {"photo": 0.5, "text": 0.25}, np.random.default_rng(0))
    assert (hidden.missing_rates["photo"], hidden.missing_rates["text"]) == (0.5, 0.25)
