"""Speed and memory against rivals measured in the same run, in alternating pairs; prints a table in Markdown.

    python benchmarks/speed.py [--quick] [--cpu] [--only 1 5 7] [--out FILE]

The rivals: `reference_style.py` (what the released code does in a step), a plain MLP, a bare loop. Ratios are medians
of pairs, with the smallest and largest. What is measured in a process of its own is started with ``--child``.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rivals import Plain, Published, Small, vectors

START = time.perf_counter()

CLOCK = time.process_time if "--cpu" in sys.argv else time.perf_counter


class Row(NamedTuple):
    item: str
    measured: str
    target: str
    met: bool | None


class Pairs(NamedTuple):
    """Seconds of two rivals, taken in turn."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        """Median of how many times faster ours is."""
        return median([b / a for a, b in zip(self.ours, self.theirs, strict=True)])

    def __str__(self) -> str:
        ratios = [b / a for a, b in zip(self.ours, self.theirs, strict=True)]
        return f"{self.ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def median(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def seconds(function: Callable[[], object], repeats: int = 1) -> float:
    start = CLOCK()
    for _ in range(repeats):
        function()
    return (CLOCK() - start) / repeats


def pairs(ours: Callable[[], object], theirs: Callable[[], object], n: int, repeats: int = 1) -> Pairs:
    """Time two functions `n` times each, in turn, after one run of each that does not count."""
    ours(), theirs()
    timed = Pairs([], [])
    for _ in range(n):
        timed.ours.append(seconds(ours, repeats))
        timed.theirs.append(seconds(theirs, repeats))
    return timed


def matmul_rate() -> float:
    """Return this machine's floating-point operations per second in a large product, all threads."""
    import torch

    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    torch.mm(a, b)
    return 2 * 2048**3 / median([seconds(lambda: torch.mm(a, b)) for _ in range(9)])


def check_same_losses() -> None:
    """Raise if the stand-in's losses are not those of the preset, where both are defined: without noise and padding."""
    made = Published(0.5, ragged=False, noise=False)
    for step in range(4):
        expected = float(made.reference_step(made.reference, made.optimizer, made.dense, made.batch, step))
        got = float(made.stepper.step(made.batch, step)["loss"])
        if abs(got - expected) > 1e-4 * abs(expected):
            raise AssertionError(f"step {step}: loss {got}, of the stand-in {expected}")


def training(n: int) -> Iterator[Row]:
    check_same_losses()
    rate = matmul_rate()
    cases = ((0.5, True, 4.0), (0.0, False, 1.5), (0.0, True, 2.2))
    for missing, ragged, least in cases:
        made = Published(missing, ragged)
        timed = pairs(made.ours, made.theirs, n)
        step = median(timed.ours)
        share = made.flops() / rate / step
        what = f"1. training, missing {missing:g}, {'ragged' if ragged else 'full lengths'}: times the reference style"
        yield Row(what, str(timed), f"{least:g}", timed.ratio >= least)
        yield Row(f"   a step: {step:.3f} s; share of the roofline ({rate / 1e9:.0f} GFLOP/s)", f"{share:.2f}", "0.5",
                  share >= 0.5)  # fmt: skip
        if "avx512_bf16" in Path("/proc/cpuinfo").read_text():
            half = Published(missing, ragged, precision="bf16-mixed")
            timed = pairs(half.ours, made.theirs, n)
            yield Row("   the same with precision=bf16-mixed, the rival in single precision", str(timed), "", None)


def inference(n: int) -> Iterator[Row]:
    import torch

    made = Published(0.5, ragged=True)
    made.network.eval(), made.reference.eval()
    with torch.no_grad():
        timed = pairs(
            lambda: made.network(made.batch), lambda: made.reference(made.dense, made.batch.availability), n, 3
        )
    what = "2. inference, missing 0.5, ragged: times the reference style"
    yield Row(what, str(timed), "4", timed.ratio >= 4)
    for name, time_ms in one_sample().items():
        yield Row(f"   one sample, one thread, {name}", f"{time_ms:.2f} ms", "5 ms", time_ms < 5)


def one_sample() -> dict[str, float]:
    """Return median milliseconds of a prediction from tensors for one sample on one thread."""
    import numpy as np
    import torch

    from redcore.nn import collate

    found = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for name, missing, ragged in (("missing 0.5, ragged", 0.5, True), ("nothing missing, full lengths", 0.0, False)):
        made = Published(missing, ragged)
        made.network.eval()
        batches = [collate(made.data, np.array([row])) for row in range(40)]
        with torch.no_grad():
            made.network(batches[0])
            found[name] = 1000 * median([seconds(partial(made.network, batch)) for batch in batches])
    torch.set_num_threads(threads)
    return found


def throughput(n: int, n_samples: int) -> Iterator[Row]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    data = vectors(n_samples, 4, 100)
    ours = Small(data)
    plain = Plain(data, ours.n_parameters)
    timed = pairs(ours.step, lambda: plain.step(ours.rows()), 2 * n, 20)
    per_second = [256 / median(side) for side in timed]
    what = f"3. vectors: samples/s ({per_second[0]:,.0f}, plain MLP {per_second[1]:,.0f}), share of the MLP's"
    yield Row(what, str(timed), "0.4", timed.ratio >= 0.4)
    yield from time_to_loss(data, ours.n_parameters)
    torch.set_num_threads(threads)


def time_to_loss(data, n_parameters: int, n_epochs: int = 4) -> Iterator[Row]:
    """Compare the seconds to the worse of the two best validation losses, everything else by default."""
    import numpy as np

    from redcore.fitting import Callback
    from redcore.methods import make_method

    class Clock(Callback):
        def __init__(self) -> None:
            self.losses: list[tuple[float, float]] = []

        def on_start(self, n_steps, first_step):
            self.start = time.perf_counter()

        def on_epoch(self, epoch, values):
            self.losses.append((time.perf_counter() - self.start, values["validation_loss"]))

    held = np.arange(0, data.n_samples, 20)
    kept = np.setdiff1d(np.arange(data.n_samples), held)
    # judged on complete samples, as the MLP is
    settings = {"max_epochs": n_epochs, "evidence": "joint", "n_members": 1, "validation_patterns": 1}
    clock = Clock()
    make_method("redcore", settings=settings).fit(data.take(kept), data.take(held), callbacks=[clock])
    plain, losses, start = Plain(data, n_parameters), [], time.perf_counter()
    for epoch in range(n_epochs):
        order = np.random.default_rng(epoch).permutation(kept)
        for first in range(0, len(order), 256):
            plain.step(order[first : first + 256])
        losses.append((time.perf_counter() - start, plain.loss(held)))
    reached = max(min(loss for _, loss in side) for side in (clock.losses, losses))
    ours, theirs = (next(t for t, loss in side if loss <= reached) for side in (clock.losses, losses))
    best = [min(loss for _, loss in side) for side in (clock.losses, losses)]
    what = f"   seconds to the same validation loss, {reached:.3f} (best {best[0]:.3f}, MLP {best[1]:.3f})"
    yield Row(what, f"{ours:.1f}, MLP {theirs:.1f}", "", None)


def child(*arguments: object) -> dict[str, float]:
    """Run this file for one measurement in a process of its own."""
    command = [sys.executable, __file__, "--child", *map(str, arguments), *(["--cpu"] if "--cpu" in sys.argv else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def resident() -> int:
    """Return the bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def child_growth(n_steps: str) -> dict[str, float]:
    import numpy as np

    made = Small(vectors(2000, 3, 8), 64, latent_dim=16, imputer_hidden=16)
    sizes = []
    for _ in range(int(n_steps)):
        made.step()
        sizes.append(resident())
    settled = np.array(sizes[len(sizes) // 5 :])
    slope = np.polyfit(np.arange(len(settled)), settled, 1)[0]
    return {"bytes_per_step": float(slope)}


def child_peak(side: str) -> dict[str, float]:
    from redcore.benchmark._memory import PeakMemory

    made = Published(0.5, ragged=True)
    step, memory = made.ours if side == "ours" else made.theirs, PeakMemory()
    for _ in range(4):
        step()
    return {"peak": float(memory.growth() or "nan")}


def child_startup() -> dict[str, float]:
    from redcore.fitting import Callback
    from redcore.methods import make_method

    class First(Callback):
        seconds = 0.0

        def on_step(self, step, values):
            self.seconds = self.seconds or time.perf_counter() - START

    first, data = First(), vectors(200, 4, 20, 4)
    built = time.perf_counter()
    make_method("redcore").fit(data, callbacks=[first])
    return {"first_step": first.seconds, "fit": time.perf_counter() - built}


def child_bare() -> dict[str, float]:
    """Do a step of a linear map in bare PyTorch: what no method can start before."""
    import torch

    layer = torch.nn.Linear(20, 4)
    optimizer = torch.optim.AdamW(layer.parameters(), fused=True)
    layer(torch.randn(16, 20)).square().mean().backward()
    optimizer.step()
    return {"first_step": time.perf_counter() - START}


def child_samples(n_samples: str) -> dict[str, float]:
    import numpy as np

    from redcore.methods import make_method

    n = int(n_samples)
    data = vectors(n + 500, 4, 32)
    train, validation = data.take(np.arange(n)), data.take(np.arange(n, n + 500))
    n_epochs = max(1, 20_000 // n)
    settings = {"batch_size": 250, "max_epochs": n_epochs, "max_steps": None, "patience": None, "evidence": "joint"}
    start = CLOCK()
    make_method("redcore", settings={**settings, "n_members": 1}).fit(train, validation)
    return {"per_sample": (CLOCK() - start) / (n * n_epochs)}


def memory(n_steps: int) -> Iterator[Row]:
    slope = child("growth", n_steps)["bytes_per_step"]
    yield Row(f"4. memory: bytes grown per step over {n_steps} steps", f"{slope:.0f}", "1000", slope < 1000)
    peaks = {side: child("peak", side)["peak"] for side in ("ours", "theirs")}
    share = peaks["ours"] / peaks["theirs"]
    what = f"   peak of training at missing 0.5 ({peaks['ours'] / 2**20:.0f} MiB) over the reference style's"
    yield Row(what, f"{share:.2f}", "0.5", share <= 0.5)


def modalities(n: int, counts: tuple[int, ...] = (3, 6, 12, 24, 48)) -> Iterator[Row]:
    import numpy as np
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = [Small(vectors(2000, count, 32)) for count in counts]
    for one in made:
        one.step()
    # in turn, so that a slow moment of the machine hits all
    times = np.array([[seconds(one.step, 5) for one in made] for _ in range(n)])
    torch.set_num_threads(threads)
    medians, sizes = np.median(times, axis=0), np.array([one.n_parameters for one in made])
    for name, values in (("step time", medians), ("parameters", sizes)):
        power = float(np.polyfit(np.log(counts), np.log(values), 1)[0])
        steepest = float(np.max(np.diff(np.log(values)) / np.diff(np.log(counts))))
        listed = ", ".join(f"{v * 1000:.1f} ms" if name == "step time" else f"{v / 1e6:.2f} M" for v in values)
        what = f"5. modalities {counts}: {name} ({listed}), power of M (steepest {steepest:.2f})"
        yield Row(what, f"{power:.2f}", "1.2", power <= 1.2)


def samples(counts: tuple[int, ...]) -> Iterator[Row]:
    costs = {n: child("samples", n)["per_sample"] for n in counts}
    listed = ", ".join(f"{n:,}: {1e6 * cost:.1f}" for n, cost in costs.items())
    ratio = costs[counts[-1]] / costs[counts[0]]
    yield Row(f"6. microseconds per sample and epoch ({listed}), last over first", f"{ratio:.2f}", "flat", ratio < 1.25)
    runs, bare = zip(*((child("startup"), child("bare")) for _ in range(3)), strict=True)
    fit, first_step = (median([run[key] for run in runs]) for key in ("fit", "first_step"))
    floor = median([run["first_step"] for run in bare])
    yield Row("   seconds of a default fit of 200 samples", f"{fit:.2f}", "3", fit < 3)
    what = f"   seconds of import to first step (bare PyTorch {floor:.2f})"
    yield Row(what, f"{first_step:.2f}", "2", first_step < 2)


def overhead(n: int) -> Iterator[Row]:
    """Compare a step with parts of it left out: the bi-level rule, and Fabric."""
    import torch

    threads = torch.get_num_threads()
    made = Published(0.5, ragged=True)
    yield rule_share("preset aaai2024", made.network, made.ours, n)
    torch.set_num_threads(1)
    small = Small(vectors(5000, 4, 100))
    yield rule_share("default, vectors", small.network, small.step, 10 * n)
    timed = pairs(*fabric_and_bare(small), 2 * n, 20)
    torch.set_num_threads(threads)
    share = 1 - timed.ratio
    yield Row("   Fabric over a bare loop, vectors: bare over Fabric", str(timed), "0.95", share < 0.05)


def rule_share(name: str, network, step: Callable[[], object], n: int) -> Row:
    """Return what share of a step the update of the supervision weights takes."""
    import torch

    from redcore.balancing import Signals

    signals = Signals(torch.rand(len(network.names)), torch.full((len(network.names),), 0.5), 3)

    def update() -> None:
        network.rule.update(signals)

    step()
    whole = median([seconds(step) for _ in range(n)])
    share = median([seconds(update, 100) for _ in range(n)]) / whole
    what = f"7. bi-level rule over fixed weights, share of a step ({1000 * whole:.1f} ms), {name}"
    return Row(what, f"{100 * share:.2f}%", "2%", share < 0.02)


def fabric_and_bare(made: Small) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return a step through Fabric, and the same with the network and the optimiser called directly."""
    import torch

    other = Small(made.data)
    batch = made.stepper.batch(made.data, made.target, made.rows())
    network, optimizer = other.network, other.stepper.optimizer

    def bare() -> None:
        optimizer.zero_grad(set_to_none=True)
        network.losses(network(batch), batch, other.objective, 1)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    return lambda: made.stepper.step(batch, 1), bare


def table(rows: list[Row]) -> str:
    marks = {True: "met", False: "**missed**", None: ""}
    lines = ["| what | measured | target | |", "|---|---|---|---|"]
    lines += [f"| {row.item.strip()} | {row.measured} | {row.target} | {marks[row.met]} |" for row in rows]
    return "\n".join(lines)


def machine() -> str:
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    cpu = f"{os.cpu_count()} cores of {model} ({torch.backends.cpu.get_cpu_capability()})"
    load = os.getloadavg()[0]
    return f"{cpu}, torch {torch.__version__}, {torch.get_num_threads()} threads, load at the start {load:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few pairs: a look, no result")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the items")
    parser.add_argument("--cpu", action="store_true", help="seconds of one core, for a machine that is not quiet")
    parser.add_argument("--out", type=Path, help="also write the table here")
    arguments = parser.parse_args()
    if arguments.cpu:
        import torch

        torch.set_num_threads(1)
    n = 3 if arguments.quick else 11
    items = {
        1: lambda: training(n),
        2: lambda: inference(n),
        3: lambda: throughput(n, 20_000 if arguments.quick else 100_000),
        4: lambda: memory(1000 if arguments.quick else 5000),
        5: lambda: modalities(n),
        6: lambda: samples((1000, 10_000, 100_000) if arguments.quick else (1000, 10_000, 100_000, 1_000_000)),
        7: lambda: overhead(n),
    }
    found, header = [], machine()
    for number in arguments.only or items:
        for row in items[number]():
            found.append(row)
            print(" | ".join([row.item, row.measured, row.target, {True: "met", False: "missed", None: ""}[row.met]]))
            sys.stdout.flush()
    text = f"{header}.\n\n{table(found)}\n"
    print(f"\n{text}")
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(globals()[f"child_{sys.argv[2]}"](*(a for a in sys.argv[3:] if a != "--cpu"))))
    else:
        main()
