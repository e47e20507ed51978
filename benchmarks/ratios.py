"""Compare the speed of RedCore with a kept baseline, as ratios of CPU time with one thread.

    python benchmarks/ratios.py --cpu [--pairs 7] [--only WORD ...] [--save FILE] [--compare FILE] [--check FILE]

Each ratio is the time of another program over that of RedCore, measured alternately in one run; larger is better.
``--save`` writes the ratios to a file. ``--compare`` names each ratio whose largest value is below the smallest value
in the file, which needs a file of this machine. ``--check`` names each ratio below 0.6 of the median in the file, a
bound that also holds on other processors and under load. Both exit with status 1 if there is one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from baselines import DefaultSetup, IemocapSetup, PlainMLP, vectors
from timing import Pairs, machine, pairs

BOUND = 0.6
"""Share of the median of the kept baseline below which ``--check`` reports a ratio. Twice the time gives 0.5."""

ATTEMPTS = 3
"""Largest number of measurements of a ratio by ``--check``. It reports a ratio only if all of them are too small."""

FIRST_STEP = """
import os, sys
from redcore.cli import main
from redcore.fitting import Stepper
update = Stepper.update
def first(self, *arguments, **options):
    update(self, *arguments, **options)
    os._exit(0)
Stepper.update = first
main(["fit", "digits", "--out", sys.argv[1]])
"""
BARE_STEP = """
import os, torch
layer = torch.nn.Linear(20, 4)
optimizer = torch.optim.AdamW(layer.parameters(), fused=True)
layer(torch.randn(16, 20)).square().mean().backward()
optimizer.step()
os._exit(0)
"""


def start(n: int) -> Pairs:
    """Compare CPU times from process start to the first step: a bare layer over ``redcore fit digits``."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [(cpu_seconds(FIRST_STEP, str(Path(folder) / str(index))), cpu_seconds(BARE_STEP)) for index in range(n)]
    return Pairs([redcore for redcore, _ in runs], [bare for _, bare in runs])


def cpu_seconds(code: str, *arguments: str) -> float:
    """Return the CPU time of a new process that runs `code`."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def training(n: int) -> Pairs:
    setup = IemocapSetup(0.5, ragged=True)
    return pairs(setup.redcore_step, setup.baseline_step, n)


def inference(n: int) -> Pairs:
    import torch

    setup = IemocapSetup(0.5, ragged=True)
    setup.network.eval(), setup.reference.eval()
    with torch.inference_mode():
        return pairs(
            lambda: setup.network(setup.batch), lambda: setup.reference(setup.dense, setup.batch.availability), n
        )


def one_sample(n: int) -> Pairs:
    """Compare predictions of single samples with missing rate 0.5 and ragged lengths, 40 per pair."""
    import numpy as np
    import reference_style
    import torch

    from redcore.nn import collate

    setup = IemocapSetup(0.5, ragged=True)
    setup.network.eval(), setup.reference.eval()
    batches = [collate(setup.data, np.array([row])) for row in range(40)]
    lengths = [form.n_steps for form in setup.network.encoders.forms]
    dense = [reference_style.dense(batch, lengths) for batch in batches]

    def predict() -> None:
        for batch in batches:
            setup.network(batch)

    def predict_reference() -> None:
        for batch, values in zip(batches, dense, strict=True):
            setup.reference(values, batch.availability)

    with torch.inference_mode():
        return pairs(predict, predict_reference, n)


def vector_steps(n: int) -> Pairs:
    data = vectors(20_000, 4, 100)
    redcore = DefaultSetup(data)
    plain = PlainMLP(data, redcore.n_parameters)
    return pairs(redcore.step, lambda: plain.step(redcore.rows()), n, 20)


def short_fit(n: int, n_epochs: int = 15) -> Pairs:
    """Compare a fit of `redcore` to 1,000 samples with the training steps of a plain MLP of equal size."""
    import numpy as np

    from redcore import make_method

    data = vectors(1000, 3, 100)
    plain = PlainMLP(data, DefaultSetup(data).n_parameters)
    settings = {"max_epochs": n_epochs, "patience": None, "batch_size": 64}
    order = np.arange(data.n_samples)

    def fit_plain() -> None:
        for _ in range(n_epochs):
            for first in range(0, len(order), 64):
                plain.step(order[first : first + 64])

    return pairs(lambda: make_method("redcore", settings=settings).fit(data), fit_plain, n)


def stack_fit(n: int) -> Pairs:
    """Compare a fit of `stack` with five logistic regressions of scikit-learn per modality."""
    from sklearn.linear_model import LogisticRegression

    from redcore import make_method

    data = vectors(1000, 3, 100)

    def fit_regressions() -> None:
        for modality in data.modalities.values():
            labels = data.target.values[modality.availability]
            for _ in range(5):
                LogisticRegression(C=0.01).fit(modality.values, labels)

    return pairs(lambda: make_method("stack").fit(data), fit_regressions, n)


def fitted_default():
    """Return the default method with three networks, fitted to 2,000 samples of four vectors."""
    from redcore import make_method

    return make_method("stacked", settings={"max_epochs": 1, "n_members": 3}).fit(vectors(2000, 4, 100))


def prediction(n: int, n_samples: int = 5120, at_once: int = 5120) -> Pairs:
    """Compare the default's `predict` with an ensemble of plain MLPs that has the same number of parameters.

    A call of `predict` has `at_once` samples.
    """
    import numpy as np
    import torch

    method, data = fitted_default(), vectors(n_samples, 4, 100)
    n_parameters = sum(parameter.numel() for parameter in method.network.parameters())
    plain = [PlainMLP(data, n_parameters) for _ in method.networks]
    networks, values = [mlp.network.eval() for mlp in plain], plain[0].values
    parts = [data.take(np.arange(first, first + at_once)) for first in range(0, n_samples, at_once)]

    def predict_plain() -> None:
        with torch.inference_mode():
            for batch in values.split(min(512, at_once)):
                torch.stack([network(batch).softmax(dim=1) for network in networks]).mean(dim=0)

    return pairs(lambda: [method.predict(part) for part in parts], predict_plain, n)


def onnx(n: int, n_samples: int = 512) -> Pairs:
    """Compare ONNX Runtime with `predict`; here the exported graph is RedCore, and PyTorch the other program."""
    import onnxruntime

    from redcore.export import export_onnx, onnx_inputs

    method, data = fitted_default(), vectors(n_samples, 4, 100)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        export_onnx(method, Path(folder) / "model.onnx")
        session = onnxruntime.InferenceSession(Path(folder) / "model.onnx", options)
    inputs = onnx_inputs(data, data.names)
    return pairs(lambda: session.run(None, inputs), lambda: method.predict(data), n, 3)


class Measure(NamedTuple):
    """Measurement of a ratio, and its target (None without a target)."""

    run: Callable[[int], Pairs]
    target: float | None


MEASURES = {
    "start to the first step of redcore fit digits, bare PyTorch over RedCore": Measure(start, 0.8),
    "training, missing rate 0.5, ragged: speed-up over the reference style": Measure(training, 4),
    "inference, missing rate 0.5, ragged: speed-up over the reference style": Measure(inference, 4),
    "inference of one sample, missing rate 0.5, ragged: speed-up over the reference style": Measure(one_sample, None),
    "inference of one sample by the default, vectors: ratio to plain MLPs of equal size": Measure(
        partial(prediction, n_samples=40, at_once=1), None
    ),
    "training, vectors: ratio to a plain MLP": Measure(vector_steps, 0.6),
    "fit of redcore to 1,000 samples, 15 epochs: ratio to a plain MLP": Measure(short_fit, None),
    "fit of stack to 1,000 samples: ratio to five logistic regressions per modality": Measure(stack_fit, None),
    "prediction of the default, vectors: ratio to plain MLPs of equal size": Measure(prediction, 0.5),
    "prediction of the default, vectors: ONNX Runtime over PyTorch": Measure(onnx, 1),
}

PREDICTION = [name for name in MEASURES if name.startswith("prediction")]


def summary(timed: Pairs) -> list[float]:
    """Return median, smallest and largest ratio."""
    return [round(value, 3) for value in (timed.ratio, min(timed.ratios), max(timed.ratios))]


def regression(name: str, timed: Pairs, kept: list[float]) -> str | None:
    """Return the line of a ratio whose largest value is below the smallest one of the baseline, else None."""
    if max(timed.ratios) >= kept[1]:
        return None
    return f"{name}: {timed}, expected about {kept[0]:g} (at least {kept[1]:g})"


def large_regression(name: str, timed: Pairs, kept: list[float], again: Callable[[], Pairs]) -> str | None:
    """Return the line of a ratio that stays below `BOUND` of the median of the baseline in all `ATTEMPTS`, else None.

    `again` repeats the measurement.
    """
    least, attempts = BOUND * kept[0], [timed]
    while attempts[-1].ratio < least:
        if len(attempts) == ATTEMPTS:
            measured = "; ".join(map(str, attempts))
            return f"{name}: {measured}; expected at least {least:.2f}, {BOUND:g} of {kept[0]:g}"
        attempts.append(again())
    return None


def kept_ratios(path: Path, names: list[str]) -> dict[str, list[float]]:
    """Return the ratios of a file of ``--save``, which must have all `names`."""
    if not path.exists():
        raise SystemExit(f"{path}: no such file; write it with --save")
    kept: dict[str, list[float]] = json.loads(path.read_text())["ratios"]
    if absent := [name for name in names if name not in kept]:
        raise SystemExit(f"{path}: no ratio of {', '.join(map(repr, absent))}; write the file again with --save")
    return kept


def main() -> int:
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="store_true", help="measure CPU time")
    parser.add_argument("--pairs", type=int, default=7, help="number of pairs of each ratio")
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="WORD", help="measure ratios with one of these words"
    )
    parser.add_argument("--save", type=Path, help="write the ratios to this file")
    parser.add_argument("--compare", type=Path, help="compare the ratios with this file of the same machine")
    parser.add_argument("--check", type=Path, help="compare the ratios with this file, with wide bounds")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = {name: own for name, own in MEASURES.items() if any(word in name for word in arguments.only)}
    compared, checked = (
        kept_ratios(path, list(chosen)) if path else {} for path in (arguments.compare, arguments.check)
    )
    saved, worse = {}, []
    for name, measure in chosen.items():
        timed = measure.run(arguments.pairs)
        saved[name] = summary(timed)
        print(f"{name}: {timed}" + ("" if measure.target is None else f", target {measure.target:g}"), flush=True)
        if compared:
            worse.append(regression(name, timed, compared[name]))
        if checked:
            worse.append(large_regression(name, timed, checked[name], partial(measure.run, arguments.pairs)))
    if arguments.save:
        arguments.save.write_text(json.dumps({"machine": machine(), "ratios": saved}, indent=1) + "\n")
    regressions = [line for line in worse if line is not None]
    print("\n".join(f"REGRESSION {line}" for line in regressions))
    return int(bool(regressions))


if __name__ == "__main__":
    sys.exit(main())
