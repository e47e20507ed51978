"""Profile a training step or a prediction by operation, and print a Markdown table.

    python benchmarks/operations.py --cpu [training inference vectors] [--steps 9]

``training`` and ``inference`` have the sizes of the released code (missing rate 0.5, ragged lengths), ``vectors`` is a
training step of the default network. A step is repeated with the same batch on one thread. The CPU time of each call of
an operation is measured where PyTorch dispatches it, in the forward and the backward pass, so that other work on the
machine hardly affects the table. The rest of the CPU time of an unmeasured step is Python, autograd and dispatch.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from time import thread_time

from timing import median, seconds

GROUPS = {
    "linear layers": ("mm", "addmm", "linear"),
    "batched products (attention, layers of all modalities)": ("bmm", "baddbmm"),
    "softmax and fused attention": ("softmax", "attention"),
    "layer norms": ("layer_norm",),
    "random numbers": ("rand", "normal"),
    "optimiser, clipping and average of weights": ("adam", "foreach", "vector_norm", "lerp"),
    "copies, gathers and concatenations": (
        "copy", "index", "gather", "cat", "scatter", "select", "fill", "zero", "empty",
    ),
    "sums": ("sum", "mean"),
    "views": ("view", "transpose", "permute", "detach", "alias", "expand", "slice", "split", "unsqueeze", "squeeze"),
    "elementwise operations": (
        "add", "mul", "ge", "relu", "threshold", "gelu", "exp", "div", "sub", "sigmoid", "where", "neg", "pow", "clamp",
    ),
}  # fmt: skip


def group(operation: str) -> str:
    """Return the group of an operation such as ``addmm``."""
    name = operation.strip("_")
    for label in ("linear layers", "batched products (attention, layers of all modalities)"):
        if name in GROUPS[label]:
            return label
    parts = list(GROUPS.items())[2:]
    return next((label for label, words in parts if any(word in name for word in words)), "other operations")


def steps() -> dict[str, Callable[[], Callable[[], object]]]:
    """Return the functions that can be profiled, by name."""
    return {"training": training_step, "inference": inference_step, "vectors": vector_step}


def training_step() -> Callable[[], object]:
    from baselines import IemocapSetup

    return IemocapSetup(0.5, ragged=True).redcore_step


def inference_step() -> Callable[[], object]:
    import torch
    from baselines import IemocapSetup

    setup = IemocapSetup(0.5, ragged=True)
    setup.network.eval()

    def predict() -> None:
        with torch.inference_mode():
            setup.network(setup.batch)

    return predict


def vector_step() -> Callable[[], object]:
    from baselines import DefaultSetup, vectors

    setup = DefaultSetup(vectors(5000, 4, 100))
    batch = setup.stepper.batch(setup.data, setup.target, setup.rows())
    return lambda: setup.stepper.step(batch, 1)


def operation_times(step: Callable[[], object], n: int) -> tuple[dict[str, float], dict[str, int]]:
    """Return CPU seconds and calls of a step by operation, as medians over `n` steps of the time of each call."""
    from torch.utils._python_dispatch import TorchDispatchMode

    times: dict[tuple[str, int], list[float]] = defaultdict(list)
    calls: dict[str, int] = defaultdict(int)

    class Clock(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):
            start = thread_time()
            result = function(*arguments, **(options or {}))
            name = function.overloadpacket.__name__
            times[name, calls[name]].append(thread_time() - start)
            calls[name] += 1
            return result

    for _ in range(n):
        calls.clear()
        with Clock():
            step()
    by_operation: dict[str, float] = defaultdict(float)
    for (name, _), measured in times.items():
        by_operation[name] += median(measured)
    return by_operation, calls


def print_table(name: str, step: Callable[[], object], n: int) -> None:
    """Print the groups of operations of a step, the largest first."""
    step()
    total = median([seconds(step) for _ in range(n)])
    times, calls = operation_times(step, n)
    by_group: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])
    for operation, own in times.items():
        row = by_group[group(operation)]
        row[0] += own
        row[1] += calls[operation]
    rest = total - sum(own for own, _ in by_group.values())
    print(f"{name}: {1000 * total:.1f} ms of CPU time\n")
    print("| operations | calls | share of the step |\n|---|---|---|")
    for label, (own, count) in sorted(by_group.items(), key=lambda item: -item[1][0]):
        print(f"| {label} | {count:.0f} | {own / total:.1%} |")
    print(f"| Python and dispatch | | {rest / total:.1%} |\n", flush=True)


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="store_true", help="measure the whole step in CPU time, too")
    parser.add_argument("names", nargs="*", help="training, inference or vectors; default: all")
    parser.add_argument("--steps", type=int, default=9, help="repetitions of a step")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.names or steps():
        print_table(name, steps()[name](), arguments.steps)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
