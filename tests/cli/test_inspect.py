"""``redcore inspect``: terminal output, JSON and HTML page."""

from html.parser import HTMLParser

import numpy as np


def make(make_npz):
    split = np.repeat([0, 1, 2], [40, 10, 10])
    return make_npz(split=split, has_audio=(split < 2).astype(int))


def test_terminal_output(cli, make_npz):
    result = cli("inspect", make(make_npz))
    assert result.status == 0
    # the position of line breaks depends on the length of the file's path
    output = " ".join(result.out.split())
    for text in ("60 samples (train 40, validation 10, test 10)", "Missing patterns", "Missing rates by split"):
        assert text in output
    assert "warning audio is missing in all 10 samples of split test" in output


def test_json(cli, make_npz):
    summary = cli("inspect", make(make_npz), "--json").json
    assert summary["n_samples"] == 60
    assert summary["missing_by"][-1]["rates"]["audio"] == {"train": 0.0, "validation": 0.0, "test": 1.0}


class Page(HTMLParser):
    """HTML parser that collects tags and all URLs that a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.tags, self.fetched = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.fetched += [value for key, value in attributes if key in ("src", "href")]


def test_the_page_is_self_contained(cli, make_npz, tmp_path):
    out = tmp_path / "new" / "page.html"
    assert cli("inspect", make(make_npz), "--html", out).status == 0
    text = out.read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.fetched == []
    assert "script" not in page.tags
    assert "url(" not in text
    assert page.tags.count("table") >= 4
    assert "audio is missing in all 10 samples" in text


def test_names_from_the_data_are_escaped(cli, tmp_path):
    path, out = tmp_path / "x.npz", tmp_path / "page.html"
    classes = np.array(["<script>alert(1)</script>", "b"])
    np.savez(path, x_a=np.random.default_rng(0).standard_normal((20, 2)), y=np.arange(20) % 2, class_names=classes)
    assert cli("inspect", path, "--html", out).status == 0
    assert "<script>" not in out.read_text(encoding="utf-8")


def test_a_table_with_options(cli, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a1,a2,y\n1,2,u\n,,v\n3,4,u\n2,1,v\n")
    summary = cli("inspect", path, "--modality", "a=a*", "--option", "target=y", "--json").json
    assert summary["target"]["counts"] == {"u": 2, "v": 2}
    assert summary["modalities"][0]["missing_rate"] == 0.25


def test_bad_input(cli, tmp_path):
    result = cli("inspect", tmp_path / "nothing.npz")
    assert (result.status, "neither a file nor a data set" in result.err) == (2, True)
