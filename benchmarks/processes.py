"""A fit shared by several processes: strong scaling, a lost process, two nodes on the loopback, and sharded weights.

    python benchmarks/processes.py [--only scaling lost nodes sharded] [--steps 12]

Prints samples per second on 1 and 2 processes (one thread each; sizes of IEMOCAP, preset `aaai2024`); whether a fit of
2 processes, one killed with SIGKILL, ends on 1, 2 and 4 processes with the losses of an uninterrupted one; and
the same of a fit on two "nodes", each a torchrun of its own; and of steps on them with the weights of the network and
the state of its optimiser divided between the processes (FSDP), by hand: the library does not offer it.
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


def worker(what: str, folder: Path, steps: int) -> None:
    """Do one process's part, and let the first write what came out."""
    from redcore.fitting import process_rank

    found = {"scaling": scaling, "fit": fit, "killed": fit, "sharded": sharded}[what](folder, steps, what == "killed")
    if process_rank() == 0:
        (folder / "found.json").write_text(json.dumps(found))


def scaling(folder: Path, steps: int, _: bool) -> dict[str, object]:
    import numpy as np
    import rivals
    import torch
    from torch import distributed

    torch.set_num_threads(1)
    made = rivals.Published(0.5, ragged=True)
    target, rows = made.objective.encode(made.data.target), np.arange(rivals.BATCH)
    for step in range(steps + 3):
        if step == 3:
            if distributed.is_initialized():
                distributed.barrier()
            start = time.perf_counter()
        made.stepper.step(made.stepper.batch(made.data, target, rows), step)
    return {"samples_per_s": rivals.BATCH * steps / (time.perf_counter() - start)}


def fit(folder: Path, steps: int, killed: bool) -> dict[str, object]:
    import rivals

    from redcore.fitting import Callback, process_rank
    from redcore.methods import make_method

    class Killer(Callback):
        def on_step(self, step, values):
            if killed and step == KILLED_AFTER and process_rank() == KILLED_RANK:
                os.kill(os.getpid(), signal.SIGKILL)

    # what torchrun sends to those that are left
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    quiet = dict.fromkeys(("modality_dropout", "head_dropout", "encoder_dropout"), 0.0)
    settings = {**quiet, "bottleneck_noise": False, "n_members": 1, "evidence": "joint", "max_epochs": 2}
    data, checkpoint = rivals.vectors(600, 4, 16, 4), folder / "checkpoint.safetensors"
    model = make_method("redcore", settings={**settings, "batch_size": 62})
    model.fit(data, callbacks=[Killer()], checkpoint=checkpoint)
    return {"losses": list(model.history.steps["loss"]), "validation": list(model.history.epochs["validation_loss"])}


def sharded(folder: Path, steps: int, _: bool) -> dict[str, object]:
    """Train the default network with its weights divided between the processes; one process has them whole."""
    import numpy as np
    import rivals
    import torch
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    from redcore.methods.redcore import RedCoreNetwork, RedCoreSettings
    from redcore.nn import GlobalCounts, Objective, collate

    class EveryParameter(torch.nn.Module):
        """Gives every parameter a gradient: processes would wait for ever, or mix up their parts, where one has none.

        That of an encoder is absent where none of a process's samples observes the modality.
        """

        def __init__(self, network: RedCoreNetwork) -> None:
            super().__init__()
            self.network = network

        def forward(self, batch):
            output = self.network(batch)
            nothing = torch.stack([parameter.sum() for parameter in self.parameters()]).sum() * 0.0
            return output._replace(logits=output.logits + nothing)

    torch.manual_seed(0)
    distributed.init_process_group("gloo")
    n, rank = distributed.get_world_size(), distributed.get_rank()

    def total(values):
        sums = values.detach().clone()
        distributed.all_reduce(sums)
        return sums

    data, batch_size = rivals.vectors(600, 4, 16, 4), 48
    objective = Objective.fit(data.target)
    target = objective.encode(data.target)
    quiet = dict.fromkeys(("modality_dropout", "head_dropout", "encoder_dropout"), 0.0)
    forms = [(name, modality.n_features, False) for name, modality in data.modalities.items()]
    network = RedCoreNetwork(forms, data.target.n_outputs, RedCoreSettings(**quiet, bottleneck_noise=False))
    network.total = total
    forward = EveryParameter(network)
    whole = sum(parameter.numel() for parameter in network.parameters())
    if n > 1:
        fully_shard(forward, mesh=init_device_mesh("cpu", (n,)))
    own = sum(getattr(p, "to_local", p.detach)().numel() for p in network.parameters())
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for step in range(steps):
        rows = np.arange(step * batch_size, (step + 1) * batch_size) % data.n_samples
        counts = [int(np.count_nonzero(modality.position[rows] >= 0)) for modality in data.modalities.values()]
        batch = collate(data, rows[rank::n], target)._replace(shared=GlobalCounts(len(rows), torch.tensor(counts)))
        loss = network.losses(forward(batch), batch, objective, step)["loss"]
        losses.append(float(total(loss)))
        optimizer.zero_grad()
        # processes average their gradients
        (loss * n).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    distributed.destroy_process_group()
    return {"losses": losses, "share": own / whole}


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


def found(folder: Path) -> dict[str, list[float]]:
    content: dict[str, list[float]] = json.loads((folder / "found.json").read_text())
    return content


def difference(one: dict[str, list[float]], other: dict[str, list[float]]) -> float:
    """Return the largest difference of losses, relative to them."""
    return max(abs(a - b) / abs(b) for key in one for a, b in zip(one[key], other[key], strict=True))


def report_scaling(folder: Path, steps: int) -> None:
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(3):
        for n, taken in rates.items():
            assert run(n, "scaling", folder, steps) == 0
            taken.append(found(folder)["samples_per_s"])
    one, two = (sorted(taken)[1] for taken in rates.values())
    ratios = [b / a for a, b in zip(*rates.values(), strict=True)]
    print(f"strong scaling: {one:.0f} samples/s on 1 process, {two:.0f} on 2: {sorted(ratios)[1]:.2f} times "
          f"({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip


def report_lost(folder: Path, steps: int) -> None:
    whole, lost = folder / "whole", folder / "lost"
    whole.mkdir()
    lost.mkdir()
    assert run(1, "fit", whole, steps) == 0
    status = run(2, "killed", lost, steps)
    kept = (lost / "checkpoint.safetensors").exists()
    print(f"a process killed after step {KILLED_AFTER + 1}: torchrun ended with {status}, checkpoint kept: {kept}")
    for n in (1, 2, 4):
        again = folder / f"again{n}"
        shutil.copytree(lost, again)
        assert run(n, "fit", again, steps) == 0
        largest = difference(found(again), found(whole))
        print(f"  resumed on {n}: losses differ from an uninterrupted fit of one process by {largest:.1e} at most")


def on_two_nodes(what: str, folder: Path, steps: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return what one process found, and what two did, each a node."""
    whole, both = folder / f"{what}-alone", folder / f"{what}-nodes"
    whole.mkdir()
    both.mkdir()
    assert run(1, what, whole, steps) == 0
    nodes = [
        ("--nnodes=2", f"--node-rank={rank}", "--master-addr=127.0.0.1", "--master-port=29731") for rank in range(2)
    ]
    started = [start(1, what, both, steps, nodes=node) for node in nodes]
    statuses = [(process.communicate(timeout=600), process.returncode)[1] for process in started]
    assert statuses == [0, 0], statuses
    return found(whole), found(both)


def report_nodes(folder: Path, steps: int) -> None:
    whole, both = on_two_nodes("fit", folder, steps)
    print(f"two nodes on the loopback: losses differ by {difference(both, whole):.1e} at most")


def report_sharded(folder: Path, steps: int) -> None:
    whole, both = on_two_nodes("sharded", folder, steps)
    share = both.pop("share")
    whole.pop("share")
    print(f"two nodes, weights sharded: the first holds {share:.3f} of them; "
          f"losses differ by {difference(both, whole):.1e} at most")  # fmt: skip


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
