from hypothesis import given
from hypothesis import strategies as st

from redcore._pattern_names import pattern_modalities, pattern_name

NAMES = st.text("ab+\\ é\n", min_size=1, max_size=6)


@given(st.lists(NAMES, max_size=4))
def test_pattern_names_are_unique(names):
    assert pattern_modalities(pattern_name(names)) == tuple(names)


def test_names_of_ordinary_modalities():
    assert pattern_name(["audio", "text"]) == "audio+text"
    assert pattern_name([]) == ""
    assert pattern_name(["a", "b"]) != pattern_name(["a+b"])
