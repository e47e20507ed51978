import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redcore.data import Modality, MultimodalData, Target, hold_out

quick = settings(deadline=None, max_examples=100)
numbers = st.floats(-1e6, 1e6, width=32)


@st.composite
def entries(draw, n_samples=None):
    """Return one entry per sample: None, or a vector (or sequence) of a common number of features."""
    n_samples = draw(st.integers(1, 8)) if n_samples is None else n_samples
    n_features, is_sequence = draw(st.integers(1, 3)), draw(st.booleans())

    def entry():
        shape = (draw(st.integers(1, 4)), n_features) if is_sequence else (n_features,)
        size = int(np.prod(shape))
        return np.array(draw(st.lists(numbers, min_size=size, max_size=size)), dtype=np.float32).reshape(shape)

    return [entry() if draw(st.booleans()) else None for _ in range(n_samples)]


@st.composite
def data_sets(draw):
    n_samples, n_modalities = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    return {f"m{k}": draw(entries(n_samples)) for k in range(n_modalities)}


def choices(n_samples):
    return st.lists(st.integers(0, n_samples - 1), max_size=10)


def unpack(modality):
    """Return one entry per sample, read off the packed arrays one by one."""
    result = []
    for place in modality.position:
        if place < 0:
            result.append(None)
        elif modality.is_sequence:
            result.append(modality.values[modality.offsets[place] : modality.offsets[place + 1]])
        else:
            result.append(modality.values[place])
    return result


def assert_entries(got, expected):
    assert len(got) == len(expected)
    for left, right in zip(got, expected, strict=True):
        if right is None:
            assert left is None
        else:
            assert left.shape == right.shape
            assert left.tobytes() == right.tobytes()


def assert_packed(modality):
    """Check that what is stored is exactly what is observed, in the order of the samples."""
    places = [place for place in modality.position if place >= 0]
    assert places == list(range(modality.n_observed))
    n_rows = modality.n_observed if modality.lengths is None else modality.lengths.sum()
    assert len(modality.values) == n_rows
    assert modality.values.dtype == np.float32


@quick
@given(entries())
def test_packing_keeps_every_entry(source):
    modality = Modality.from_values("m", source)
    assert_packed(modality)
    assert_entries(unpack(modality), source)
    assert modality.availability.tolist() == [entry is not None for entry in source]


@quick
@given(entries(), st.sampled_from([np.nan, np.inf, 1e30, 1e300]), st.data())
def test_padded_arrays_pack_like_lists_whatever_lies_under_them(source, junk, data):
    present = [entry for entry in source if entry is not None]
    if not present:
        return
    lengths = None
    if present[0].ndim == 1:
        array = np.full((len(source), len(present[0])), junk)
    else:
        lengths = [0 if entry is None else len(entry) for entry in source]
        slack = data.draw(st.integers(0, 2))
        array = np.full((len(source), max(lengths) + slack, present[0].shape[1]), junk)
    for row, entry in enumerate(source):
        if entry is not None:
            array[row, : len(entry)] = entry
    observed = np.array([entry is not None for entry in source])
    modality = Modality.from_values("m", array, observed=observed, lengths=lengths)
    assert_packed(modality)
    assert_entries(unpack(modality), source)


@quick
@given(entries(), st.data())
def test_take(source, data):
    rows = data.draw(choices(len(source)))
    taken = Modality.from_values("m", source).take(np.array(rows, dtype=np.int64))
    assert_packed(taken)
    assert_entries(unpack(taken), [source[row] for row in rows])


@quick
@given(entries(), st.data())
def test_hide(source, data):
    keep = data.draw(st.lists(st.booleans(), min_size=len(source), max_size=len(source)))
    hidden = Modality.from_values("m", source).hide(np.array(keep))
    assert_packed(hidden)
    assert_entries(unpack(hidden), [entry if kept else None for entry, kept in zip(source, keep, strict=True)])


@quick
@given(entries(), st.data())
def test_gather(source, data):
    rows = data.draw(choices(len(source)))
    modality = Modality.from_values("m", source)
    observed = modality.gather(np.array(rows, dtype=np.int64))
    expected = [(place, source[row]) for place, row in enumerate(rows) if source[row] is not None]
    assert observed.rows.tolist() == [place for place, _ in expected]
    assert observed.values.dtype == np.float32
    if not modality.is_sequence:
        assert_entries(list(observed.values), [entry for _, entry in expected])
        return
    assert observed.lengths.tolist() == [len(entry) for _, entry in expected]
    assert observed.values.shape[1] == max([len(entry) for _, entry in expected], default=1)
    for padded, (_, entry) in zip(observed.values, expected, strict=True):
        assert_entries([padded[: len(entry)]], [entry])
        assert not padded[len(entry) :].any()


@quick
@given(data_sets(), st.data())
def test_operations_agree_with_a_naive_table(source, data):
    n_samples = len(source["m0"])
    if all(entry is None for column in source.values() for entry in column):
        return
    packed = MultimodalData.from_arrays(source, Target.from_numbers(np.arange(n_samples)))
    table = {name: list(column) for name, column in source.items()}
    ids = list(range(n_samples))
    for _ in range(data.draw(st.integers(1, 4))):
        match data.draw(st.sampled_from(["take", "hide", "select"])):
            case "take" if ids:
                rows = data.draw(choices(len(ids)))
                packed, ids = packed.take(rows), [ids[row] for row in rows]
                table = {name: [column[row] for row in rows] for name, column in table.items()}
            case "hide":
                cells = st.lists(st.booleans(), min_size=len(table), max_size=len(table))
                keep = data.draw(st.lists(cells, min_size=len(ids), max_size=len(ids)))
                packed = packed.hide(np.array(keep, dtype=bool).reshape(len(ids), len(table)))
                for column, name in enumerate(sorted(table)):
                    table[name] = [entry if keep[row][column] else None for row, entry in enumerate(table[name])]
            case "select":
                names = data.draw(st.lists(st.sampled_from(sorted(table)), min_size=1, unique=True))
                packed, table = packed.select(names), {name: table[name] for name in names}
    assert packed.names == tuple(sorted(table))
    assert packed.sample_ids.tolist() == packed.target.values.tolist() == ids
    for name, column in table.items():
        assert_packed(packed.modalities[name])
        assert_entries(unpack(packed.modalities[name]), column)
    expected = [[table[name][row] is not None for name in sorted(table)] for row in range(len(ids))]
    assert packed.availability.tolist() == expected


@quick
@given(data_sets(), st.randoms(use_true_random=False))
def test_checksum_depends_on_content_only(source, random):
    if all(entry is None for column in source.values() for entry in column):
        return
    data = MultimodalData.from_arrays(source)
    shuffled = list(source)
    random.shuffle(shuffled)
    assert MultimodalData.from_arrays({name: source[name] for name in shuffled}).checksum() == data.checksum()
    everything = np.ones((data.n_samples, len(source)), dtype=bool)
    assert data.hide(everything).checksum() == data.checksum()
    assert data.take(range(data.n_samples)).checksum() == data.checksum()
    hidden = everything.copy()
    hidden[random.randrange(data.n_samples), random.randrange(len(source))] = False
    changes = bool((data.availability & ~hidden).any())
    assert (data.hide(hidden).checksum() != data.checksum()) == changes


@quick
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=25),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
@pytest.mark.filterwarnings("ignore::redcore.exceptions.HoldOutWarning")
def test_hold_out_is_a_partition_that_respects_groups(samples, fraction, seed, grouped):
    labels, groups = (np.array(column) for column in zip(*samples, strict=True))
    n_samples, groups = len(labels), groups if grouped else None
    data = MultimodalData.from_arrays({"m": np.ones(n_samples)}, Target.from_labels(labels), groups=groups)
    keep, held = hold_out(data, fraction, seed)
    assert sorted([*keep, *held]) == list(range(n_samples))
    assert len(keep) > 0
    if grouped and len(set(groups)) > 1:
        assert not set(groups[keep]) & set(groups[held])
        assert set(labels[keep]) == set(labels)
    if not grouped:
        assert (len(held) > 0) == (fraction > 0 and n_samples > 1)
