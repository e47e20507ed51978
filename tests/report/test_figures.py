import io
import subprocess
import sys

import numpy as np
import pytest

from redcore.report import supervision_figure


def columns(names, n_steps=100):
    rng = np.random.default_rng(0)
    return {
        f"{kind}/{name}": rng.random(n_steps) for kind in ("supervision_weight", "relative_advantage") for name in names
    } | {"loss": np.ones(n_steps)}


def curves(axes, n_steps):
    """Return the drawn columns, without the line at zero."""
    return [line for line in axes.get_lines() if line.get_xdata()[-1] == n_steps - 1]


def png(figure):
    stream = io.BytesIO()
    figure.savefig(stream, dpi=40)
    return stream.getvalue()


def test_supervision_weights_are_drawn_without_smoothing():
    steps = columns(["audio", "text"])
    weights, _ = supervision_figure(steps).axes
    lines = curves(weights, 100)
    assert [line.get_label() for line in lines] == ["audio", "text"]
    for line in lines:
        np.testing.assert_array_equal(line.get_ydata(), steps[f"supervision_weight/{line.get_label()}"])
        np.testing.assert_array_equal(line.get_xdata(), np.arange(100))


def test_the_advantage_is_smoothed():
    steps = columns(["audio"], n_steps=200)
    (line,) = curves(supervision_figure(steps).axes[1], 200)
    window = 200 // 50
    expected = [steps["relative_advantage/audio"][end - window + 1 : end + 1].mean() for end in range(window - 1, 200)]
    np.testing.assert_allclose(line.get_ydata(), expected)
    assert line.get_xdata().tolist() == list(range(window - 1, 200))


def test_a_modality_has_the_same_style_in_both_panels():
    figure = supervision_figure(columns([f"m{k:02}" for k in range(20)]))
    styles = [[(line.get_color(), line.get_linestyle()) for line in curves(axes, 100)] for axes in figure.axes]
    assert styles[0] == styles[1]
    assert len(set(styles[0])) == 20


@pytest.mark.parametrize("names", [["audio"], ["_hidden", "b"], ["a$\\foo$", "$x$"], ["Größe", "a/b"]])
def test_unusual_modality_names_in_the_legend(names):
    figure = supervision_figure(columns(names))
    assert png(figure).startswith(b"\x89PNG")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names


@pytest.mark.parametrize("steps", [{}, {"loss": np.ones(3)}, columns(["audio"], n_steps=1)])
def test_empty_and_short_histories(steps):
    assert png(supervision_figure(steps)).startswith(b"\x89PNG")


def test_axis_labels():
    weights, advantages = supervision_figure(columns(["audio"])).axes
    assert weights.get_ylabel() == "supervision weight"
    assert "relative advantage" in advantages.get_ylabel()
    assert advantages.get_xlabel() == "optimiser step"


def test_the_package_imports_neither_torch_nor_pyplot():
    code = "import sys, redcore.report; print([n for n in ('torch', 'matplotlib.pyplot') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
