"""Measure distributed training: strong scaling, recovery from a lost process, two nodes and sharded weights.

    python benchmarks/processes.py [--only scaling lost nodes sharded] [--steps 12]

scaling : samples per second with 1 and 2 processes, one thread each (sizes of IEMOCAP, preset `aaai2024`).
lost : a fit with 2 processes loses one to SIGKILL and is resumed with 1, 2 and 4 processes. Its losses are compared
    with those of an uninterrupted fit.
nodes : a fit on two "nodes" (two torchruns on the loopback interface), with the same comparison.
sharded : training steps on two nodes with network weights and optimiser state sharded by FSDP, with the same
    comparison. This script sets FSDP up itself because the library does not offer it.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KILLED_RANK, KILLED_AFTER = 1, 9


def worker(task: str, folder: Path, steps: int) -> None:
    """Run a task in this process. The process with rank 0 writes the result to ``result.json``."""
    from redcore.fitting import process_rank

    result = {"scaling": scaling, "fit": fit, "killed": fit, "sharded": sharded}[task](folder, steps, task == "killed")
    if process_rank() == 0:
        (folder / "result.json").write_text(json.dumps(result))


def scaling(folder: Path, steps: int, _: bool) -> dict[str, object]:
    import baselines
    import numpy as np
    import torch
    from torch import distributed

    torch.set_num_threads(1)
    setup = baselines.IemocapSetup(0.5, ragged=True)
    target, rows = setup.objective.encode(setup.data.target), np.arange(baselines.BATCH)
    for step in range(steps + 3):
        if step == 3:
            if distributed.is_initialized():
                distributed.barrier()
            start = time.perf_counter()
        setup.stepper.step(setup.stepper.batch(setup.data, target, rows), step)
    return {"samples_per_s": baselines.BATCH * steps / (time.perf_counter() - start)}


def fit(folder: Path, steps: int, killed: bool) -> dict[str, object]:
    import baselines

    from redcore.fitting import Callback, process_rank
    from redcore.methods import make_method

    class Killer(Callback):
        def on_step(self, step, values):
            if killed and step == KILLED_AFTER and process_rank() == KILLED_RANK:
                os.kill(os.getpid(), signal.SIGKILL)

    # torchrun sends SIGTERM to the surviving processes
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    no_dropout = dict.fromkeys(("modality_dropout", "head_dropout", "encoder_dropout"), 0.0)
    settings = {**no_dropout, "bottleneck_noise": False, "max_epochs": 2}
    data, checkpoint = baselines.vectors(600, 4, 16, 4), folder / "checkpoint.safetensors"
    model = make_method("redcore", settings={**settings, "batch_size": 62})
    model.fit(data, callbacks=[Killer()], checkpoint=checkpoint)
    return {"losses": list(model.history.steps["loss"]), "validation": list(model.history.epochs["validation_loss"])}


def sharded(folder: Path, steps: int, _: bool) -> dict[str, object]:
    """Train the default network with its weights sharded over the processes (not sharded with a single process)."""
    import baselines
    import numpy as np
    import torch
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    from redcore.methods.redcore import RedCoreNetwork, RedCoreSettings
    from redcore.nn import GlobalCounts, ModalityForm, Objective, collate

    class EveryParameter(torch.nn.Module):
        """Network in which every parameter has a gradient, as FSDP requires.

        The gradient of an encoder would otherwise be absent if a process has no sample that observes its modality, and
        the processes would deadlock or exchange the wrong shards.
        """

        def __init__(self, network: RedCoreNetwork) -> None:
            super().__init__()
            self.network = network

        def forward(self, batch):
            output = self.network(batch)
            zero = torch.stack([parameter.sum() for parameter in self.parameters()]).sum() * 0.0
            return output._replace(logits=output.logits + zero)

    torch.manual_seed(0)
    distributed.init_process_group("gloo")
    n, rank = distributed.get_world_size(), distributed.get_rank()

    def total(values):
        sums = values.detach().clone()
        distributed.all_reduce(sums)
        return sums

    data, batch_size = baselines.vectors(600, 4, 16, 4), 48
    objective = Objective.fit(data.target)
    target = objective.encode(data.target)
    no_dropout = dict.fromkeys(("modality_dropout", "head_dropout", "encoder_dropout"), 0.0)
    forms = [ModalityForm(name, modality.n_features, 0) for name, modality in data.modalities.items()]
    network = RedCoreNetwork(forms, data.target.n_outputs, RedCoreSettings(**no_dropout, bottleneck_noise=False))
    network.total = total
    forward = EveryParameter(network)
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    if n > 1:
        fully_shard(forward, mesh=init_device_mesh("cpu", (n,)))
    n_local = sum(getattr(p, "to_local", p.detach)().numel() for p in network.parameters())
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for step in range(steps):
        rows = np.arange(step * batch_size, (step + 1) * batch_size) % data.n_samples
        counts = [int(np.count_nonzero(modality.position[rows] >= 0)) for modality in data.modalities.values()]
        batch = collate(data, rows[rank::n], target)._replace(shared=GlobalCounts(len(rows), torch.tensor(counts)))
        loss = network.losses(forward(batch), batch, objective, step)["loss"]
        losses.append(float(total(loss)))
        optimizer.zero_grad()
        # FSDP averages the gradients of the processes, but the loss is a sum over them
        (loss * n).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    distributed.destroy_process_group()
    return {"losses": losses, "share": n_local / n_parameters}


def start(n_processes: int, *arguments: object, nodes: tuple[str, ...] = ("--standalone",)) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "torch.distributed.run", *nodes, f"--nproc-per-node={n_processes}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, __file__, "--worker", *map(str, arguments)],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(n_processes: int, *arguments: object) -> int:
    process = start(n_processes, *arguments)
    process.communicate(timeout=600)
    return process.returncode


def read_result(folder: Path) -> dict[str, list[float]]:
    content: dict[str, list[float]] = json.loads((folder / "result.json").read_text())
    return content


def largest_difference(result: dict[str, list[float]], reference: dict[str, list[float]]) -> float:
    """Return the largest relative difference between the losses of two fits."""
    return max(abs(a - b) / abs(b) for key in result for a, b in zip(result[key], reference[key], strict=True))


def report_scaling(folder: Path, steps: int) -> None:
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(3):
        for n, rates_of_n in rates.items():
            assert run(n, "scaling", folder, steps) == 0
            rates_of_n.append(read_result(folder)["samples_per_s"])
    one, two = (sorted(rates_of_n)[1] for rates_of_n in rates.values())
    ratios = [b / a for a, b in zip(*rates.values(), strict=True)]
    print(f"strong scaling: {one:.0f} samples/s with 1 process, {two:.0f} with 2: speed-up {sorted(ratios)[1]:.2f} "
          f"({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip


def report_lost(folder: Path, steps: int) -> None:
    uninterrupted, lost = folder / "uninterrupted", folder / "lost"
    uninterrupted.mkdir()
    lost.mkdir()
    assert run(1, "fit", uninterrupted, steps) == 0
    status = run(2, "killed", lost, steps)
    has_checkpoint = (lost / "checkpoint.safetensors").exists()
    print(f"process killed after step {KILLED_AFTER + 1}: exit status of torchrun {status}, "
          f"checkpoint exists: {has_checkpoint}")  # fmt: skip
    for n in (1, 2, 4):
        resumed = folder / f"resumed{n}"
        shutil.copytree(lost, resumed)
        assert run(n, "fit", resumed, steps) == 0
        largest = largest_difference(read_result(resumed), read_result(uninterrupted))
        print(f"  resumed with {n}: largest relative difference from an uninterrupted single-process fit {largest:.1e}")


def on_two_nodes(task: str, folder: Path, steps: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Run a task with one process and on two nodes of one process each, and return both results."""
    single, both = folder / f"{task}-alone", folder / f"{task}-nodes"
    single.mkdir()
    both.mkdir()
    assert run(1, task, single, steps) == 0
    nodes = [
        ("--nnodes=2", f"--node-rank={rank}", "--master-addr=127.0.0.1", "--master-port=29731") for rank in range(2)
    ]
    processes = [start(1, task, both, steps, nodes=node) for node in nodes]
    statuses = [(process.communicate(timeout=600), process.returncode)[1] for process in processes]
    assert statuses == [0, 0], statuses
    return read_result(single), read_result(both)


def report_nodes(folder: Path, steps: int) -> None:
    single, both = on_two_nodes("fit", folder, steps)
    print(f"two nodes on the loopback interface: largest relative difference {largest_difference(both, single):.1e}")


def report_sharded(folder: Path, steps: int) -> None:
    single, both = on_two_nodes("sharded", folder, steps)
    share = both.pop("share")
    single.pop("share")
    print(f"two nodes, weights sharded: fraction of the weights on the first {share:.3f}; "
          f"largest relative difference {largest_difference(both, single):.1e}")  # fmt: skip


def main() -> None:
    reports = {"scaling": report_scaling, "lost": report_lost, "nodes": report_nodes, "sharded": report_sharded}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=reports)
    parser.add_argument("--steps", type=int, default=12)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only or reports:
            reports[name](Path(folder), arguments.steps)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
