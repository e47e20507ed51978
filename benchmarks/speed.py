"""Measure speed and memory of RedCore relative to baselines, and print a Markdown table.

    python benchmarks/speed.py [--quick] [--cpu] [--pairs 5] [--only 1 5 7] [--out FILE]

The baselines are a training step of the released code (`reference_style.py`), a plain MLP and a plain PyTorch training
loop. RedCore and baseline alternate in the same run. A ratio is the median over pairs, with the smallest and largest
ratio. Some measurements need a separate process, which is this script with ``--child``.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import ratios
from baselines import DefaultSetup, IemocapSetup, PlainMLP, vectors
from timing import CLOCK, machine, median, pairs, seconds


class Row(NamedTuple):
    item: str
    measured: str
    target: str
    met: bool | None


def matmul_rate() -> float:
    """Return the floating-point operations per second of a large matrix product on this machine, with all threads."""
    import torch

    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    torch.mm(a, b)
    return 2 * 2048**3 / median([seconds(lambda: torch.mm(a, b)) for _ in range(9)])


def check_same_losses() -> None:
    """Raise an AssertionError if the baseline and RedCore have different losses without noise and padding."""
    setup = IemocapSetup(0.5, ragged=False, noise=False)
    for step in range(4):
        expected = float(setup.reference_step(setup.reference, setup.optimizer, setup.dense, setup.batch, step))
        got = float(setup.stepper.step(setup.batch, step)["loss"])
        if abs(got - expected) > 1e-4 * abs(expected):
            raise AssertionError(
                f"step {step}: loss of RedCore is {got}, expected {expected} as in the reference style"
            )


def training(n: int) -> Iterator[Row]:
    check_same_losses()
    rate = matmul_rate()
    cases = ((0.5, True, 4.0), (0.0, False, 1.5), (0.0, True, 2.2))
    for missing, ragged, minimum in cases:
        setup = IemocapSetup(missing, ragged)
        timed = pairs(setup.redcore_step, setup.baseline_step, n)
        step = median(timed.redcore)
        share = setup.flops() / rate / step
        lengths = "ragged" if ragged else "full lengths"
        item = f"1. training, missing rate {missing:g}, {lengths}: speed-up over the reference style"
        yield Row(item, str(timed), f"{minimum:g}", timed.ratio >= minimum)
        item = f"   one step: {step:.3f} s; fraction of the roofline ({rate / 1e9:.0f} GFLOP/s)"
        yield Row(item, f"{share:.2f}", "0.4", share >= 0.4)
        if "avx512_bf16" in Path("/proc/cpuinfo").read_text():
            bf16_setup = IemocapSetup(missing, ragged, precision="bf16-mixed")
            timed = pairs(bf16_setup.redcore_step, setup.baseline_step, n)
            yield Row("   RedCore with precision=bf16-mixed, the baseline in single precision", str(timed), "", None)


def inference(n: int) -> Iterator[Row]:
    import torch

    setup = IemocapSetup(0.5, ragged=True)
    setup.network.eval(), setup.reference.eval()
    with torch.inference_mode():
        timed = pairs(
            lambda: setup.network(setup.batch), lambda: setup.reference(setup.dense, setup.batch.availability), n, 3
        )
    item = "2. inference, missing rate 0.5, ragged: speed-up over the reference style"
    yield Row(item, str(timed), "4", timed.ratio >= 4)
    for name, time_ms in one_sample().items():
        yield Row(f"   one sample, one thread, {name}", f"{time_ms:.2f} ms", "3 ms", time_ms < 3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for name in ratios.PREDICTION:
        measure = ratios.MEASURES[name]
        timed, target = measure.run(n), measure.target or 0.0
        yield Row(f"   {name}", str(timed), f"{target:g}", timed.ratio >= target)
    torch.set_num_threads(threads)


def one_sample() -> dict[str, float]:
    """Return the median time in milliseconds of a prediction of one sample with one thread."""
    import numpy as np
    import torch

    from redcore.nn import collate

    times = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cases = (("missing rate 0.5, ragged", 0.5, True), ("nothing missing, full lengths", 0.0, False))
    for name, missing, ragged in cases:
        setup = IemocapSetup(missing, ragged)
        setup.network.eval()
        batches = [collate(setup.data, np.array([row])) for row in range(40)]
        with torch.inference_mode():
            setup.network(batches[0])
            times[f"network of aaai2024, {name}"] = 1000 * median(
                [seconds(partial(setup.network, batch)) for batch in batches]
            )
    method, data = ratios.fitted_default(), vectors(200, 4, 100)
    samples = [data.take(np.array([row])) for row in range(data.n_samples)]
    method.predict(samples[0])
    times["predict of the default, four vectors"] = 1000 * median(
        [seconds(partial(method.predict, s)) for s in samples]
    )
    torch.set_num_threads(threads)
    return times


def throughput(n: int, n_samples: int) -> Iterator[Row]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    data = vectors(n_samples, 4, 100)
    redcore = DefaultSetup(data)
    plain = PlainMLP(data, redcore.n_parameters)
    timed = pairs(redcore.step, lambda: plain.step(redcore.rows()), 2 * n, 20)
    per_second = [256 / median(side) for side in timed]
    item = f"3. vectors: samples/s ({per_second[0]:,.0f}, plain MLP {per_second[1]:,.0f}), ratio to the MLP"
    yield Row(item, str(timed), "0.6", timed.ratio >= 0.6)
    yield from time_to_loss(data, redcore.n_parameters)
    torch.set_num_threads(threads)


def time_to_loss(data, n_parameters: int, n_epochs: int = 4) -> Iterator[Row]:
    """Compare the times of RedCore and the MLP to the same validation loss: the worse of their two best losses."""
    import numpy as np

    from redcore.fitting import Callback
    from redcore.methods import make_method

    class Clock(Callback):
        def __init__(self) -> None:
            self.losses: list[tuple[float, float]] = []

        def on_start(self, n_steps, first_step):
            self.start = CLOCK()

        def on_epoch(self, epoch, values):
            self.losses.append((CLOCK() - self.start, values["validation_loss"]))

    validation_rows = np.arange(0, data.n_samples, 20)
    training_rows = np.setdiff1d(np.arange(data.n_samples), validation_rows)
    # without random missing patterns in the validation set, as for the MLP
    settings = {"max_epochs": n_epochs, "validation_patterns": 1}
    clock = Clock()
    make_method("redcore", settings=settings).fit(
        data.take(training_rows), data.take(validation_rows), callbacks=[clock]
    )
    plain, losses, start = PlainMLP(data, n_parameters), [], CLOCK()
    for epoch in range(n_epochs):
        order = np.random.default_rng(epoch).permutation(training_rows)
        for first in range(0, len(order), 256):
            plain.step(order[first : first + 256])
        losses.append((CLOCK() - start, plain.loss(validation_rows)))
    reached = max(min(loss for _, loss in side) for side in (clock.losses, losses))
    redcore, baseline = (next(t for t, loss in side if loss <= reached) for side in (clock.losses, losses))
    best = [min(loss for _, loss in side) for side in (clock.losses, losses)]
    item = f"   seconds to the same validation loss, {reached:.3f} (best {best[0]:.3f}, MLP {best[1]:.3f})"
    yield Row(item, f"{redcore:.1f}, MLP {baseline:.1f}", "", None)


def child(*arguments: object) -> dict[str, float]:
    """Run one measurement in a separate process and return its result."""
    command = [sys.executable, __file__, "--child", *map(str, arguments), *(["--cpu"] if "--cpu" in sys.argv else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def child_growth(n_steps: str) -> dict[str, float]:
    import numpy as np

    setup = DefaultSetup(vectors(2000, 3, 8), 64, latent_dim=16, imputer_hidden=16)
    sizes = []
    for _ in range(int(n_steps)):
        setup.step()
        sizes.append(resident())
    after_warm_up = np.array(sizes[len(sizes) // 5 :])
    slope = np.polyfit(np.arange(len(after_warm_up)), after_warm_up, 1)[0]
    return {"bytes_per_step": float(slope)}


def child_peak(side: str) -> dict[str, float]:
    from redcore.benchmark._memory import PeakMemory

    setup = IemocapSetup(0.5, ragged=True)
    step, memory = setup.redcore_step if side == "redcore" else setup.baseline_step, PeakMemory()
    for _ in range(4):
        step()
    return {"peak": float(memory.growth() or "nan")}


def child_default_fit(*sizes: str) -> dict[str, float]:
    """Measure a default fit of `vectors` with the given arguments."""
    from redcore.methods import make_method

    data = vectors(*map(int, sizes))
    start = CLOCK()
    make_method("stacked").fit(data)
    return {"fit": CLOCK() - start}


def child_samples(n_samples: str) -> dict[str, float]:
    import numpy as np

    from redcore.methods import make_method

    n = int(n_samples)
    data = vectors(n + 500, 4, 32)
    train, validation = data.take(np.arange(n)), data.take(np.arange(n, n + 500))
    n_epochs = max(1, 20_000 // n)
    settings = {"batch_size": 250, "max_epochs": n_epochs, "max_steps": None, "patience": None}
    start = CLOCK()
    make_method("redcore", settings=settings).fit(train, validation)
    return {"per_sample": (CLOCK() - start) / (n * n_epochs)}


def memory(n_steps: int) -> Iterator[Row]:
    slope = child("growth", n_steps)["bytes_per_step"]
    yield Row(f"4. memory: growth in bytes per step over {n_steps} steps", f"{slope:.0f}", "1000", slope < 1000)
    peaks = {side: child("peak", side)["peak"] for side in ("redcore", "baseline")}
    share = peaks["redcore"] / peaks["baseline"]
    item = f"   peak in training at missing rate 0.5 ({peaks['redcore'] / 2**20:.0f} MiB), ratio to the reference style"
    yield Row(item, f"{share:.2f}", "0.5", share <= 0.5)


def modalities(n: int, counts: tuple[int, ...] = (3, 6, 12, 24, 48)) -> Iterator[Row]:
    import numpy as np
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    setups = [DefaultSetup(vectors(2000, count, 32)) for count in counts]
    for setup in setups:
        setup.step()
    # alternate between the set-ups, so that other load on the machine affects all of them
    times = np.array([[seconds(setup.step, 5) for setup in setups] for _ in range(n)])
    torch.set_num_threads(threads)
    medians, sizes = np.median(times, axis=0), np.array([setup.n_parameters for setup in setups])
    for name, values in (("step time", medians), ("parameters", sizes)):
        power = float(np.polyfit(np.log(counts), np.log(values), 1)[0])
        steepest = float(np.max(np.diff(np.log(values)) / np.diff(np.log(counts))))
        listed = ", ".join(f"{v * 1000:.1f} ms" if name == "step time" else f"{v / 1e6:.2f} M" for v in values)
        item = f"5. modalities M in {counts}: {name} ({listed}), exponent of M (largest local exponent {steepest:.2f})"
        yield Row(item, f"{power:.2f}", "1.2", power <= 1.2)


def samples(counts: tuple[int, ...]) -> Iterator[Row]:
    costs = {n: child("samples", n)["per_sample"] for n in counts}
    listed = ", ".join(f"{n:,}: {1e6 * cost:.1f}" for n, cost in costs.items())
    ratio = costs[counts[-1]] / costs[counts[0]]
    item = f"6. microseconds per sample and epoch by number of samples ({listed}), ratio of last to first"
    yield Row(item, f"{ratio:.2f}", "flat", ratio < 1.25)
    for sizes, most in (((200, 4, 20, 4), 2.5), ((1000, 3, 100), 6.0)):
        fits = [child("default_fit", *sizes)["fit"] for _ in range(3)]
        shape = " x ".join(f"{size:,}" for size in sizes[:3])
        measured = f"{median(fits):.2f} ({min(fits):.2f} to {max(fits):.2f})"
        yield Row(f"   seconds of a default fit on {shape}", measured, f"{most:g}", median(fits) < most)
    timed = ratios.start(5)
    more = median([redcore - bare for redcore, bare in zip(timed.redcore, timed.baseline, strict=True)])
    item = f"   CPU seconds from process start to the first step of redcore fit digits ({median(timed.redcore):.2f}) "
    yield Row(f"{item}minus bare PyTorch ({median(timed.baseline):.2f})", f"{more:.2f}", "0.5", more < 0.5)


def overhead(n: int) -> Iterator[Row]:
    """Measure the overhead of the bi-level balancing rule and of Lightning Fabric in a training step."""
    import torch

    threads = torch.get_num_threads()
    setup = IemocapSetup(0.5, ragged=True)
    yield rule_share("preset aaai2024", setup.network, setup.redcore_step, n)
    torch.set_num_threads(1)
    small = DefaultSetup(vectors(5000, 4, 100))
    yield rule_share("default, vectors", small.network, small.step, 10 * n)
    timed = pairs(*fabric_and_plain_step(small), 2 * n, 20)
    torch.set_num_threads(threads)
    share = 1 - timed.ratio
    yield Row("   overhead of Fabric, vectors: time of a plain loop over Fabric", str(timed), "0.95", share < 0.05)


def rule_share(name: str, network, step: Callable[[], object], n: int) -> Row:
    """Return the fraction of the step time spent on the update of the supervision weights."""
    import torch

    from redcore.balancing import Signals

    signals = Signals(torch.rand(len(network.names)), torch.full((len(network.names),), 0.5), 3)

    def update() -> None:
        network.rule.update(signals)

    step()
    step_time = median([seconds(step) for _ in range(n)])
    share = median([seconds(update, 100) for _ in range(n)]) / step_time
    item = f"7. overhead of the bi-level rule, fraction of a step ({1000 * step_time:.1f} ms), {name}"
    return Row(item, f"{100 * share:.2f}%", "2%", share < 0.02)


def fabric_and_plain_step(setup: DefaultSetup) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return two functions that run the same training step, one with Fabric and one in plain PyTorch."""
    import torch

    other = DefaultSetup(setup.data)
    batch = setup.stepper.batch(setup.data, setup.target, setup.rows())
    network, optimizer = other.network, other.stepper.optimizer

    def plain_step() -> None:
        optimizer.zero_grad(set_to_none=True)
        network.losses(network(batch), batch, other.objective, 1)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    return lambda: setup.stepper.step(batch, 1), plain_step


def table(rows: list[Row]) -> str:
    marks = {True: "met", False: "**missed**", None: ""}
    lines = ["| item | measured | target | |", "|---|---|---|---|"]
    lines += [f"| {row.item.strip()} | {row.measured} | {row.target} | {marks[row.met]} |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few pairs, for a preliminary look only")
    parser.add_argument("--pairs", type=int, help="number of pairs of each ratio; default: 11, or 3 with --quick")
    parser.add_argument("--only", type=int, nargs="*", help="run the items with these numbers only")
    parser.add_argument(
        "--cpu", action="store_true", help="measure CPU time with one thread, for a machine with other load"
    )
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    arguments = parser.parse_args()
    if arguments.cpu:
        import torch

        torch.set_num_threads(1)
    n = arguments.pairs or (3 if arguments.quick else 11)
    items = {
        1: lambda: training(n),
        2: lambda: inference(n),
        3: lambda: throughput(n, 20_000 if arguments.quick else 100_000),
        4: lambda: memory(1000 if arguments.quick else 5000),
        5: lambda: modalities(n),
        6: lambda: samples((1000, 10_000, 100_000) if arguments.quick else (1000, 10_000, 100_000, 1_000_000)),
        7: lambda: overhead(n),
    }
    rows, header = [], machine()
    for number in arguments.only or items:
        for row in items[number]():
            rows.append(row)
            print(" | ".join([row.item, row.measured, row.target, {True: "met", False: "missed", None: ""}[row.met]]))
            sys.stdout.flush()
    text = f"{header}.\n\n{table(rows)}\n"
    print(f"\n{text}")
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(globals()[f"child_{sys.argv[2]}"](*(a for a in sys.argv[3:] if a != "--cpu"))))
    else:
        main()
