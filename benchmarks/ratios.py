"""Compare the speed of RedCore with a kept baseline, as ratios of CPU time with one thread.

    python benchmarks/ratios.py --cpu [--pairs 7] [--save FILE] [--compare FILE] [--check]

Each ratio is the time of another program over that of RedCore, measured alternately in one run; larger is better.
``--save`` writes the ratios to a file. ``--compare`` names each ratio whose largest value is below the smallest value
in the file. ``--check`` names each ratio below a wide bound. Both exit with status 1 if there is one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from baselines import DefaultSetup, IemocapSetup, PlainMLP, vectors
from timing import Pairs, pairs

FIRST_STEP = """
import os, sys
from redcore.cli import main
from redcore.fitting import Stepper
step = Stepper.step
def first(self, *arguments, **options):
    step(self, *arguments, **options)
    os._exit(0)
Stepper.step = first
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


def vector_steps(n: int) -> Pairs:
    data = vectors(20_000, 4, 100)
    redcore = DefaultSetup(data)
    plain = PlainMLP(data, redcore.n_parameters)
    return pairs(redcore.step, lambda: plain.step(redcore.rows()), n, 20)


def fitted_default():
    """Return the default method with three networks, fitted to 2,000 samples of four vectors."""
    from redcore import make_method

    return make_method("stacked", settings={"max_epochs": 1, "n_members": 3}).fit(vectors(2000, 4, 100))


def prediction(n: int, n_samples: int = 5120) -> Pairs:
    """Compare the default's `predict` with an ensemble of plain MLPs that has the same number of parameters."""
    import torch

    method, data = fitted_default(), vectors(n_samples, 4, 100)
    n_parameters = sum(parameter.numel() for parameter in method.network.parameters())
    plain = [PlainMLP(data, n_parameters) for _ in method.networks]
    networks, values = [mlp.network.eval() for mlp in plain], plain[0].values

    def predict_plain() -> None:
        with torch.inference_mode():
            for batch in values.split(512):
                torch.stack([network(batch).softmax(dim=1) for network in networks]).mean(dim=0)

    return pairs(lambda: method.predict(data), predict_plain, n)


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
    """Measurement of a ratio, its target, and the bound of ``--check``."""

    run: Callable[[int], Pairs]
    target: float
    least: float


MEASURES = {
    "start to the first step of redcore fit digits, bare PyTorch over RedCore": Measure(start, 0.8, 0.5),
    "training, missing rate 0.5, ragged: speed-up over the reference style": Measure(training, 4, 2),
    "inference, missing rate 0.5, ragged: speed-up over the reference style": Measure(inference, 4, 2),
    "training, vectors: ratio to a plain MLP": Measure(vector_steps, 0.4, 0.2),
    "prediction of the default, vectors: ratio to plain MLPs of equal size": Measure(prediction, 0.5, 0.25),
    "prediction of the default, vectors: ONNX Runtime over PyTorch": Measure(onnx, 1, 0.5),
}

PREDICTION = [name for name in MEASURES if name.startswith("prediction")]


def main() -> int:
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="store_true", help="measure CPU time")
    parser.add_argument("--pairs", type=int, default=7, help="number of pairs of each ratio")
    parser.add_argument("--save", type=Path, help="write the ratios to this file")
    parser.add_argument("--compare", type=Path, help="compare the ratios with this file")
    parser.add_argument("--check", action="store_true", help="compare the ratios with wide bounds")
    arguments = parser.parse_args()
    if arguments.compare and not arguments.compare.exists():
        parser.error(f"{arguments.compare}: no such file; write it with --save on this machine")
    torch.set_num_threads(1)
    kept = json.loads(arguments.compare.read_text()) if arguments.compare else {}
    saved, worse = {}, []
    for name, measure in MEASURES.items():
        timed = measure.run(arguments.pairs)
        saved[name] = [round(value, 3) for value in (timed.ratio, min(timed.ratios), max(timed.ratios))]
        print(f"{name}: {timed}, target {measure.target:g}", flush=True)
        if arguments.check and timed.ratio < measure.least:
            worse.append(f"{name}: {timed}, expected at least {measure.least:g}")
        if name in kept and max(timed.ratios) < kept[name][1]:
            worse.append(f"{name}: {timed}, expected about {kept[name][0]:g} (at least {kept[name][1]:g})")
    if arguments.save:
        arguments.save.write_text(json.dumps(saved, indent=1) + "\n")
    print("\n".join(f"REGRESSION {line}" for line in worse))
    return int(bool(worse))


if __name__ == "__main__":
    sys.exit(main())
