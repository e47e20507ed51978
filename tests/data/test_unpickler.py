"""Safe reading of pickles, without execution of code."""

import pickle
import tracemalloc

import numpy as np
import pytest

from redcore.data.formats._unpickler import as_array, load_pickle
from redcore.exceptions import DataError

ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array(["a", "bcd"]),
    np.array([b"a", b"bc"]),
    np.array([True, False]),
    np.array(["x", "y"], dtype=object),
    np.zeros((0, 4)),
    np.arange(3, dtype=">i4"),
    np.arange(12)[::2],
]


class Call:
    """Object that is pickled as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def save(path, content, protocol=4):
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol(tmp_path, protocol):
    loaded = load_pickle(save(tmp_path / "x.pkl", {"arrays": ARRAYS, "number": np.float64(2.5)}, protocol))
    for got, expected in zip(loaded["arrays"], ARRAYS, strict=True):
        np.testing.assert_array_equal(as_array(got), expected)
        assert as_array(got).dtype == expected.dtype or expected.dtype == object
    assert as_array(loaded["number"]) == 2.5


def test_arrays_of_other_numpy_versions(tmp_path):
    content = pickle.dumps(ARRAYS[0], 2)
    other = {b"numpy._core": b"numpy.core", b"numpy.core": b"numpy._core"}
    for name, replacement in other.items():
        (tmp_path / "x.pkl").write_bytes(content.replace(name, replacement))
        np.testing.assert_array_equal(as_array(load_pickle(tmp_path / "x.pkl")), ARRAYS[0])


def test_lists_of_numpy_scalars(tmp_path):
    loaded = load_pickle(save(tmp_path / "x.pkl", [[np.float32(1.5), 2], [np.str_("a"), "bc"], [np.float32(1), "a"]]))
    assert as_array(loaded[0]).tolist() == [1.5, 2]
    assert as_array(loaded[1]).tolist() == ["a", "bc"]
    assert as_array(loaded[2]) is None


def test_plain_lists_are_converted_to_arrays():
    assert as_array([1, 2]).tolist() == [1, 2]
    assert as_array(["a"]).tolist() == ["a"]
    assert as_array([[1]]) is None
    assert as_array({}) is None


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("nested", [False, True])
def test_malicious_pickle_is_rejected_without_execution(tmp_path, protocol, nested):
    import os

    touched = tmp_path / "touched"
    bomb = Call(os.system, f"touch {touched}")
    path = save(tmp_path / "x.pkl", {"train": {"text": [bomb]}} if nested else bomb, protocol)
    with pytest.raises(DataError, match=r"x\.pkl: refers to (posix|nt)\.system, which is not allowed"):
        load_pickle(path)
    assert not touched.exists()


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (eval, ("1",), "builtins.eval"),
        (getattr, ({}, "keys"), "builtins.getattr"),
        (np.load, ("x",), "numpy.load"),
        (pickle.loads, (b"",), "loads"),
        (type, ("x", (), {}), "builtins.type"),
    ],
)
def test_other_functions_are_rejected(tmp_path, function, arguments, named):
    with pytest.raises(DataError, match=r"refers to .*not allowed") as caught:
        load_pickle(save(tmp_path / "x.pkl", Call(function, *arguments)))
    assert named in str(caught.value)


class Plain:
    pass


def test_objects_with_state_are_rejected(tmp_path):
    thing = Plain()
    thing.x = 1
    with pytest.raises(DataError, match="Plain, which is not allowed"):
        load_pickle(save(tmp_path / "x.pkl", thing))


def reduced(shape, dtype, raw):
    """Return a pickle of an array with a modified shape."""
    text = pickle.dumps(np.zeros(2, dtype=dtype), 2)
    # the shape (2,) is BININT1 2, TUPLE1
    return text.replace(b"K\x02\x85", shape, 1) if raw is None else text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (reduced(b"J\xff\xff\xff\x7f\x85", "f4", None), "of shape .2147483647,. and type float32 with 8 bytes"),
        (reduced(b"J\xff\xff\xff\xff\x85", "f4", None), "invalid shape"),
        (b"\x80\x04\x8e\x00\x00\x00\x00\x01\x00\x00\x00", "4294967296 bytes declared, but only 0 left"),
        (b"\x80\x02\x8a\x7f", "127 bytes declared"),
        (b"\x80\x02]j\xff\xff\xff\x7f.", "not a readable pickle: .*2147483647"),
        (b"", "1 bytes declared, but only 0 left"),
        (b"\x80\x02(((((", "1 bytes declared, but only 0 left"),
        (pickle.dumps(np.array([{}], dtype=object)), "objects that are not text"),
        (pickle.dumps(np.zeros(1, dtype="datetime64[s]")), "expected numbers or text"),
        (b"\x80\x02P1\n.", "contains the instruction PERSID, expected arrays and plain containers only"),
        (b"\x80\x02\x82\x01.", "contains the instruction EXT1"),
        (b"\x80\x05\x97.", "contains the instruction NEXT_BUFFER"),
        (b"\x80\x02K\x01K\x02s.", "not a readable pickle"),
        (b"\x80\x02}K\x01K\x02s.", "dict with a key of type int"),
        (b"\x80\x02K\x01K\x02a.", "appends to a int, expected a list"),
        (b"\x80\x02]K\x02b.", "sets the state of a list"),
        (b"\x80\x02]K\x02\x85R.", "calls a list"),
        (b"\x80\x02cnumpy\nndarray\n)R.", "calls numpy.ndarray"),
        (b"\x80\x02}" + b")" + b"\x85" * 10**6 + b"Ns.", "dict with a key of type tuple"),
        (b"\x80\x02K\x01K\x02.", "not a readable pickle"),
        (pickle.dumps(["x" * 10**6] * 1000), "1000 texts of up to 1000000 characters"),
    ],
)
def test_malicious_content_is_rejected_in_bounded_memory(tmp_path, content, message):
    path = tmp_path / "x.pkl"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message):
            as_array(load_pickle(path))
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


def test_replacement_functions_cannot_be_modified(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x02c_codecs\nencode\nN}X\x01\x00\x00\x00xK\x05s\x86b.")
    with pytest.raises(DataError, match="sets the state of a function"):
        load_pickle(path)


def test_repeated_encoding_of_text_takes_no_memory(tmp_path):
    text = b"X" + (10**6).to_bytes(4, "little") + b"a" * 10**6
    again = b"(" + b"h\x00h\x01R" * 1000 + b"e"
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x02c_codecs\nencode\nq\x00" + text + b"X\x06\x00\x00\x00latin1\x86q\x0100]" + again + b".")
    tracemalloc.start()
    try:
        assert len(load_pickle(path)) == 1000
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_deep_nesting_and_shared_objects(tmp_path):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    assert isinstance(load_pickle(path), list)
    bomb = []
    for _ in range(60):
        bomb = [bomb, bomb]
    assert as_array(load_pickle(save(tmp_path / "y.pkl", bomb))) is None
