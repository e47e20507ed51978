"""The tables of docs/methods.md list every method once."""

import re
from collections import Counter
from pathlib import Path

from redcore._discovery import names


def test_every_method_has_one_row():
    page = (Path(__file__).parents[2] / "docs/methods.md").read_text(encoding="utf-8")
    # other tables of the page compare scores
    tables = re.findall(r"^\| method \| missing modality \|.*\n((?:\|.*\n)+)", page, flags=re.MULTILINE)
    rows = Counter(re.findall(r"^\| `(\w+)` \|", "".join(tables), flags=re.MULTILINE))
    # `stacked` wraps the networks of the first table
    assert rows == Counter(set(names("redcore.methods")) - {"stacked"})
