"""Plug-ins of other distributions: entry points, dotted names, classes and functions."""

import json
import sys
from typing import Any

import numpy as np
import pytest

from factories import make_data, tiny
from redcore import MethodClassifier, ampute, fit_run, load_model, save_model
from redcore._discovery import dotted_name, load, names, origin
from redcore.balancing import BalancingRule, BalancingSettings, build_rule
from redcore.benchmark import Record, read_spec, run
from redcore.data.formats import guess, read
from redcore.datasets import load_dataset
from redcore.exceptions import (
    DataError,
    ModelFileError,
    PlugInError,
    PlugInWarning,
    SettingsError,
    UnknownNameError,
)
from redcore.methods import make_method, method_class
from redcore.metrics import evaluate_patterns, is_lower_better, known_scores, score_label
from redcore.runs import read_data

MODULE = '''
"""Plug-ins."""
import json
import numpy as np
import torch
from torch import nn
from redcore import MultimodalData, Target
from redcore._settings import Settings
from redcore.balancing import BalancingRule
from redcore.datasets import Card
from redcore.methods import LinearTableMethod

__version__ = "9.8"

class Mine(LinearTableMethod):
    """Logistic regression under another name."""
    nothing_to_tune = "test"

class Falling(BalancingRule):
    """Weights that fall with the position of the modality."""
    def update(self, signals):
        self.set_weights(1 / torch.arange(1.0, len(signals.losses) + 1))
        return self.supervision_weight

class Mean(nn.Linear):
    """Linear map of the mean over time."""
    def __init__(self, n_features, n_steps, spec):
        super().__init__(n_features, spec.width)
    def forward(self, values, lengths=None):
        return super().forward(values if lengths is None else values.sum(dim=1) / lengths[:, None])

def no_rule(n_modalities, settings):
    return nn.Linear(1, 1)

def first_missing(demand, rng):
    """Hide the first modality in its share of samples, the first ones."""
    drawn = np.ones((demand.n_samples, len(demand.names)), dtype=bool)
    drawn[: round(demand.rates[0] * demand.n_samples), 0] = False
    return drawn

class Text:
    """One number per line and modality."""
    Options = Settings
    def recognises(self, path):
        return path.suffix == ".numbers"
    def read(self, path, options):
        return tiny_data()

class Tiny:
    """Eight samples."""
    CARD = Card("Tiny", "here", "CC0", "binary", public=False)
    def load(self):
        return tiny_data()

def tiny_data():
    values = np.arange(16.0).reshape(8, 2)
    return MultimodalData.from_arrays({"a": values, "b": -values}, Target.from_labels([0, 1] * 4))

def error_rate(target, outputs, decided):
    """Share of wrong classes."""
    return float(np.mean(outputs.argmax(axis=1) != target.values)) if target.is_classification else None
'''
ENTRY_POINTS = """
[redcore.methods]
mine = elsewhere.plugs:Mine
gone = elsewhere.not_there:Method
[redcore.balancing]
falling = elsewhere.plugs:Falling
[redcore.encoders]
mean = elsewhere.plugs:Mean
[redcore.missing]
first_missing = elsewhere.plugs:first_missing
[redcore.formats]
numbers = elsewhere.plugs:Text
broken_format = elsewhere.broken
[redcore.datasets]
tiny = elsewhere.plugs:Tiny
[redcore.scores]
error_rate = elsewhere.plugs:error_rate
"""
KINDS = {
    "methods": "mine", "rules": "falling", "encoders": "mean", "protocols": "first_missing", "formats": "numbers",
    "datasets": "tiny", "scores": "error_rate",
}  # fmt: skip


def add_distribution(folder, name, entry_points):
    info = folder / f"{name}-1.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    (info / "top_level.txt").write_text("elsewhere\n")
    (info / "entry_points.txt").write_text(entry_points)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A distribution with plug-ins of all kinds, one of which cannot be imported."""
    folder = tmp_path / "site"
    add_distribution(folder, "elsewhere", ENTRY_POINTS)
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "__init__.py").write_text("")
    (folder / "elsewhere" / "plugs.py").write_text(MODULE)
    (folder / "elsewhere" / "broken.py").write_text("import a_package_that_is_absent")
    monkeypatch.syspath_prepend(folder)
    yield folder
    for module in [name for name in sys.modules if name.partition(".")[0] == "elsewhere"]:
        del sys.modules[module]


def plugs():
    from elsewhere import plugs  # type: ignore[import-not-found]

    return plugs


@pytest.mark.parametrize("kind", KINDS)
def test_listed_with_summary_and_origin(installed, cli, kind):
    name = KINDS[kind]
    line = next(line for line in cli("list", kind).out.splitlines() if line.split()[0] == name)
    assert line.endswith("[elsewhere 1.5]")
    content = json.loads(cli("list", kind, "--json").out)
    assert content["origins"][name] == "elsewhere 1.5"
    assert content[kind][name]


def test_one_broken_plug_in_is_named_and_the_others_work(installed, cli, tmp_path):
    path = tmp_path / "data.numbers"
    path.write_text("")
    with pytest.warns(
        PlugInWarning, match=r"format 'broken_format' of elsewhere 1.5 cannot be imported.*absent"
    ) as all_:
        assert guess(path) == "numbers"
    assert len(all_) == 1
    assert guess(path) == "numbers"  # no second warning
    assert read(path).n_samples == 8
    assert "cannot be imported: ModuleNotFoundError" in cli("list", "methods").out
    with pytest.raises(PlugInError, match=r"method 'gone' of elsewhere 1.5 cannot be imported"):
        make_method("gone")


def test_equal_names_are_an_error_that_names_both_origins(installed, monkeypatch):
    add_distribution(installed, "another", "[redcore.methods]\nmine = x:Y\nknn_fill = x:Y")
    monkeypatch.syspath_prepend(installed / "new path")  # entry points are read again
    with pytest.raises(PlugInError, match=r"method 'mine' is defined by (another|elsewhere) 1.5 and by "):
        make_method("mine")
    with pytest.raises(PlugInError, match=r"'knn_fill' is defined by redcore \S+ and by another 1.5"):
        make_method("knn_fill")
    assert origin("redcore.methods", "mine").count(" and ") == 1
    assert make_method("late_fusion")


def test_methods(installed):
    data, expected = make_data(), make_method("indicator_linear").fit(make_data()).predict(make_data())
    dotted = "elsewhere.plugs:Mine"
    for method in ("mine", dotted, plugs().Mine, plugs().Mine()):
        assert method_class(method) is plugs().Mine
        np.testing.assert_array_equal(make_method(method).fit(data).predict(data).shape, expected.shape)
        assert MethodClassifier(method).fit(data).method_.settings == plugs().Mine().settings
    with pytest.raises(SettingsError, match=r"has its own settings"):
        make_method(plugs().Mine(), settings={"C": 1.0})
    with pytest.raises(PlugInError, match=r"expected a subclass of redcore.methods.Method"):
        make_method("elsewhere.plugs:Falling")
    with pytest.raises(PlugInError, match=r"'no.such:Method' cannot be imported: ModuleNotFoundError"):
        make_method("no.such:Method")


@pytest.mark.parametrize("setting", ["balancing", "encoder"])
def test_rules_and_encoders_of_a_network(installed, setting):
    data = make_data(sequences=True)
    name, cls = ("falling", plugs().Falling) if setting == "balancing" else ("mean", plugs().Mean)
    outputs = []
    for value in (name, f"elsewhere.plugs:{cls.__name__}", cls):
        method: Any = make_method("redcore", settings=tiny("redcore", **{setting: value})).fit(data)
        outputs.append(method.predict(data))
        np.testing.assert_array_equal(outputs[0], outputs[-1])
    network = method.networks[0]
    assert isinstance(network.rule if setting == "balancing" else network.encoders.encoders[0], cls)
    assert method.settings.plug_ins() == [
        {"kind": f"redcore.{'balancing' if setting == 'balancing' else 'encoders'}",
         "name": f"elsewhere.plugs:{cls.__name__}", "distribution": "elsewhere", "version": "1.5"}
    ]  # fmt: skip


def test_what_is_no_plug_in_is_rejected(installed):
    with pytest.raises(SettingsError, match=r"'balancing' is .*top level of a module"):
        BalancingSettings.parse({"balancing": lambda n, settings: None})
    with pytest.raises(PlugInError, match=r"expected a BalancingRule, got Linear"):
        build_rule(2, BalancingSettings(balancing="elsewhere.plugs:no_rule", weight_norm="l2"))
    with pytest.raises(PlugInError, match=r"format .* expected the attributes Options, recognises, read; missing"):
        read(installed, plugs().Tiny)
    with pytest.raises(PlugInError, match=r"expected a bool array \(24, 3\), got float64 \(2,\)"):
        ampute(make_data(), lambda demand, rng: np.ones(2), {}, np.random.default_rng(0))


def test_protocols(installed):
    data, rates = make_data(holes=False), {"audio": 0.5}
    for protocol in ("first_missing", "elsewhere.plugs:first_missing", plugs().first_missing):
        hidden = ampute(data, protocol, rates, np.random.default_rng(0))
        assert hidden.missing_rates == {"audio": 0.5, "text": 0, "video": 0}


def test_data_sets_and_formats(installed, tmp_path):
    for name in ("tiny", "elsewhere.plugs:Tiny"):
        assert load_dataset(name).n_samples == read_data(name).n_samples == 8
    path = tmp_path / "numbers"
    path.write_text("")
    for data_format in ("numbers", "elsewhere.plugs:Text", plugs().Text()):
        assert read(path, data_format).n_samples == 8
    with pytest.raises(DataError, match=r"neither a file nor a data set"):
        read_data("elsewhere.plugs")


@pytest.mark.filterwarnings("ignore::redcore.exceptions.PlugInWarning")
def test_scores(installed):
    data = make_data()
    method = make_method("late_fusion").fit(data)
    dotted = "elsewhere.plugs:error_rate"
    report = evaluate_patterns(method.predict, data, more=[dotted, plugs().error_rate])
    for scores in (report.pooled, report.as_observed):
        assert scores["error_rate"] == scores[dotted] == pytest.approx(1 - scores["accuracy"])
    assert known_scores()["error_rate"].label == score_label(dotted) == "error rate"
    assert not is_lower_better(dotted)
    assert not is_lower_better("no.such:score")


def test_a_run_records_its_plug_ins_and_needs_them(installed, tmp_path, monkeypatch):
    run_folder = tmp_path / "run"
    settings = {"max_epochs": 1, "n_members": 1, "balancing": plugs().Falling}
    fit_run("elsewhere.plugs:Tiny", run_folder, settings=settings, protocol=plugs().first_missing)
    save_model(make_method("mine").fit(make_data()), tmp_path / "model")
    request = json.loads((run_folder / "request.json").read_text())
    assert request["settings"]["balancing"] == "elsewhere.plugs:Falling"
    assert request["protocol"] == "elsewhere.plugs:first_missing"
    assert json.loads((run_folder / "run.json").read_text())["versions"]["elsewhere"] == "1.5"
    content = json.loads((tmp_path / "model" / "model.json").read_text())
    assert content["method"] == "elsewhere.plugs:Mine"
    model: Any = load_model(run_folder)
    assert model.stacking.of_base.balancing == "elsewhere.plugs:Falling"
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(installed)])
    for module in ("elsewhere", "elsewhere.plugs"):
        monkeypatch.delitem(sys.modules, module)
    for folder in (run_folder, tmp_path / "model"):
        with pytest.raises(
            ModelFileError, match=r"needs the plug-in 'elsewhere\.plugs:\w+' .* of elsewhere 1\.5, which"
        ):
            load_model(folder)


SPEC = """
title = "plug-ins"
[[data]]
name = "elsewhere.plugs:Tiny"
metrics = ["elsewhere.plugs:error_rate"]
[[protocol]]
name = "elsewhere.plugs:first_missing"
rates = [0.5]
[[method]]
name = "elsewhere.plugs:Mine"
"""


@pytest.mark.filterwarnings("ignore::redcore.exceptions.PlugInWarning")
def test_a_benchmark_of_dotted_names(installed, tmp_path, cli):
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    records: list[Record] = []
    run(read_spec(str(path)), tmp_path / "bench", progress=records.append)
    assert [record.status for record in records] == ["done"], records[0].error
    assert records[0].versions["elsewhere"] == "1.5"
    result = cli("bench", "report", tmp_path / "bench", "--score", "elsewhere.plugs:error_rate", "--markdown")
    assert result.status == 0, result.err
    assert "error rate" in result.out
    assert cli("bench", "report", tmp_path / "bench", "--score", "error_rate", "--markdown").status == 0
    path.write_text(SPEC.replace(":Mine", ":Nobody"))
    with pytest.raises(SettingsError, match=r"'elsewhere.plugs:Nobody' cannot be imported: AttributeError"):
        read_spec(str(path))


def test_names_are_lazy(installed):
    assert "mine" in names("redcore.methods")
    assert "elsewhere" not in sys.modules
    with pytest.raises(UnknownNameError, match=r"unknown method 'minee'; did you mean 'mine'"):
        load("redcore.methods", "minee", "method")


def test_dotted_names_of_objects():
    assert dotted_name(BalancingRule) == "redcore.balancing._rule:BalancingRule"
    assert dotted_name("name") == "name"
    for local in (lambda: None, BalancingRule(2)):
        with pytest.raises(PlugInError, match=r"expected a name, or a class or function"):
            dotted_name(local)
