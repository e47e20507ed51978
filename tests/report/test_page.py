"""Benchmark page without a browser: embedded data, content security policy and escaping."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from record_factory import make_records, make_spec
from redcore.benchmark import overall_intervals, summarise
from redcore.report import benchmark_page
from redcore.report._payload import payload

HOSTILE = '</script><script>alert("1")</script><!-- & \u2028'


class Page(HTMLParser):
    """HTML parser that collects scripts, styles, URLs that a browser would fetch, and event-handler attributes."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.fetched, self.handlers = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        self.texts.append([(tag, names.get("type")), ""])
        self.fetched += [names[name] for name in ("src", "href", "srcset", "action", "data") if name in names]
        self.handlers += [name for name in names if name.startswith("on") or name == "style"]

    def handle_endtag(self, tag):
        self.texts.append([(None, None), ""])

    def handle_data(self, text):
        if self.texts:
            self.texts[-1][1] += text

    def of(self, tag, kind=None):
        return [text for (name, own), text in self.texts if name == tag and own == kind]


def embedded(text):
    (data,) = Page(text).of("script", "application/json")
    return json.loads(data)


@pytest.fixture(scope="module")
def records():
    return make_records(make_spec(), n_points=5, fail=lambda cell: cell.data.label == "d1" and cell.seed == 2)


def test_all_records_are_embedded(records):
    data = embedded(benchmark_page(records, "title"))
    assert sorted(record["key"] for record in data["records"]) == sorted(record.key for record in records)
    assert data["data"] == ["d0", "d1"]
    assert data["seeds"] == [0, 1, 2]
    assert data["modalities"] == [["audio", "text", "video"]] * 2
    failed = [record for record in data["records"] if "error" in record]
    assert len(failed) == 6


def test_embedded_scores_equal_the_records(records):
    data = embedded(benchmark_page(records, "title"))
    packed = {record["key"]: record for record in data["records"]}
    names = [metric["name"] for metric in data["metrics"]]
    assert names[0] == "macro_f1"
    assert [metric["lower"] for metric in data["metrics"]] == [name in ("nll", "ece") for name in names]
    for record in records:
        if record.status == "failed":
            continue
        own = packed[record.key]
        patterns = ["+".join(["audio", "text", "video"][k] for k in data["patterns"][p]) for p in _patterns(data, own)]
        for place, name in enumerate(names):
            expected = [record.metrics["per_pattern"][pattern][name] for pattern in patterns]
            assert own["scores"][place] == pytest.approx(expected, abs=1e-5)
            assert own["as_observed"][place] == pytest.approx(record.metrics["as_observed"][name], abs=1e-5)


def _patterns(data, record):
    return data["patternSets"][record["set"]]


def test_embedded_intervals_equal_the_tables(records):
    data = embedded(benchmark_page(records, "title"))
    for place, metric in enumerate(data["metrics"]):
        for entry in summarise(records, score=metric["name"]):
            names = (("data", entry.data), ("protocols", entry.protocol), ("methods", entry.method))
            key = " ".join(str(data[kind].index(name)) for kind, name in names)
            assert data["intervals"][place][key] == pytest.approx([entry.low, entry.high], abs=1e-5)
        for method, one in overall_intervals(records, score=metric["name"]).items():
            stored = data["overall"][place][str(data["methods"].index(method))]
            assert stored == pytest.approx([one.low, one.high], abs=1e-5)


def test_the_page_warns_of_few_runs_and_unscored_patterns(records):
    unscored = {**records[0].metrics["per_pattern"], "text": {"n_samples": 0}}
    changed = records[0].model_copy(update={"metrics": {**records[0].metrics, "per_pattern": unscored}})
    data = embedded(benchmark_page([changed, *records[1:]], "title"))
    assert "fewer than 5 runs" in data["warnings"][0]
    assert data["problems"] == ["d0, text: no test sample observes all of its modalities (1 of 3 runs)"]


@pytest.mark.parametrize(("score", "shown"), [(None, "nll"), ("accuracy", "accuracy")])
def test_the_first_score_of_the_page(records, score, shown):
    data = embedded(benchmark_page(records, "title", score))
    assert [data["metrics"][place]["name"] for place in data["headline"]] == [shown, shown]


def test_embedded_configurations_equal_the_records(records):
    data = embedded(benchmark_page(records, "title"))
    for record, own in ((r, o) for r in records for o in data["records"] if o["key"] == r.key):
        numbers = dict(zip(data["fields"], own["configuration"], strict=True))
        configuration = {field: data["values"][number] for field, number in numbers.items() if number is not None}
        assert configuration["cell.seed"] == record.cell.seed
        assert configuration["cell.method"] == record.cell.method.dump()
        assert configuration.get("settings", {}) == record.settings


def test_the_page_has_no_urls_and_no_event_handlers(records):
    page = Page(benchmark_page(records, "title"))
    assert page.fetched == []
    assert page.handlers == []
    assert "url(" not in "".join(page.of("style"))
    assert "import" not in "".join(page.of("style"))


def test_the_policy_permits_only_the_embedded_script_and_style(records):
    text = benchmark_page(records, "title")
    page = Page(text)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1].replace("&#39;", "'")
    (script,), (style,) = page.of("script"), page.of("style")
    for kind, content in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_names_with_markup_are_escaped():
    spec = make_spec(data=(HOSTILE,), methods=(HOSTILE, "b"))
    text = benchmark_page(make_records(spec), HOSTILE)
    page = Page(text)
    assert len(page.of("script")) == 1
    assert "alert" not in page.of("script")[0]
    assert embedded(text)["data"] == [HOSTILE]
    assert page.of("h1")[0].strip() == HOSTILE.strip()


def test_a_run_without_test_split_has_no_headline_score(records):
    done = next(record for record in records if record.status == "done")
    assert payload([done.model_copy(update={"metrics": {}})], "title")["headline"] == [None]


def test_histories_are_thinned(records):
    spec = make_spec(n_seeds=30)
    data = embedded(benchmark_page(make_records(spec, n_points=400), "title"))
    history = data["records"][0]["history"]
    assert history["at"][0] == 0
    assert history["at"][-1] == 7 * 399
    assert {len(column) for column in history["columns"].values()} == {len(history["at"])}
    assert len(history["at"]) == 100


@pytest.mark.parametrize("some", [[], make_records(make_spec(), fail=lambda cell: True)])
def test_no_finished_records(some):
    assert len(embedded(benchmark_page(some, "title"))["records"]) == len(some)


def test_patterns_are_embedded_once():
    spec = make_spec(data=("d",), methods=("m",), n_seeds=2, rates=((0.5,),))
    one, other = make_records(spec)
    scores = dict(list(other.metrics["per_pattern"].items())[:3])
    other = other.model_copy(update={"metrics": {**other.metrics, "per_pattern": scores}})
    data = embedded(benchmark_page([one, other], "title"))
    assert sorted(map(len, data["patternSets"])) == [3, 7]
    assert len(data["patterns"]) == 7


def test_different_data_between_methods_is_a_conflict(records):
    assert embedded(benchmark_page(records, "title"))["conflicts"] == []
    one = next(record for record in records if record.status == "done")
    changed = [record.model_copy(update={"data_checksum": "x"}) if record is one else record for record in records]
    assert embedded(benchmark_page(changed, "title"))["conflicts"] == ["d0, shared 0.5, seed 0"]


def test_no_torch():
    code = "import sys, redcore.report, redcore.benchmark; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
