"""Inject faults of the machine into every command that writes, and count what is lost.

    $ make faults
    $ PYTHONPATH=tests python tests/faults/inject.py --commands predict tune --points 5

For each command and fault, the table has the number of cases and of four kinds of failure: lost (a finished output was
destroyed, a partial one appeared, or the command did not give the same result when it was run again), tracebacks (any
end but the expected one: success with the same result, or status 2 with one line that names a path), silent changes
(success with another result), and hangs. The exit status is 1 if any of them is not 0.

Every case runs in a process that is forked from a server with all imports.
"""

import argparse
import collections
import contextlib
import multiprocessing
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from faults.cases import COMMANDS, Command, commands, write_inputs

SECONDS = 120
"""Time limit of one command."""

FREE_KILOBYTES = (0, 4, 12, 40, 120)
"""Space that remains on the full disk of 300 kB."""

FILE_LIMITS = (0, 500, 4000, 20_000)
"""Largest file size in bytes where a disk cannot be mounted."""

FAILURES = ("lost", "traceback", "silent", "hang")
WRITING = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.move", "shutil.rmtree"})
OLD = b"the result of an earlier command"


class Writes:
    """Counter of the writes of this process below a folder, which kills the process before write number `last`."""

    def __init__(self, folder: Path, last: int | None) -> None:
        self.folder, self.last, self.count = str(folder), last, 0
        sys.addaudithook(self._hook)
        sync = os.fsync

        def fsync(descriptor: int) -> None:
            self._add()
            sync(descriptor)

        os.fsync = fsync

    def _hook(self, event: str, arguments: tuple) -> None:
        is_write = event in WRITING
        if event == "open" and isinstance(arguments[2], int):
            is_write = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if is_write and str(arguments[0]).startswith(self.folder):
            self._add()

    def _add(self) -> None:
        if self.last is not None and self.count >= self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1


def _run_here(command: Command, log: str, kill_at: int | None, limit: int | None) -> None:
    """Run one command in this process, with its messages in the file `log`, and leave the process."""
    from redcore.cli import main

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 2)
    output = command.out if command.is_printed else os.devnull
    os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    writes = Writes(command.out.parent, kill_at)
    status = main(list(command.arguments))
    sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(descriptor, f"\nwrites: {writes.count}\n".encode())
    os._exit(status)


class Bench:
    """Runs commands with faults and counts their failures."""

    def __init__(self, inputs: Path, scratch: Path, n_points: int) -> None:
        self.inputs, self.scratch, self.n_points = inputs, scratch, n_points
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["faults.preload"])
        self.counts: dict[tuple[str, str], collections.Counter] = collections.defaultdict(collections.Counter)
        self.problems: list[str] = []
        self.shorter: dict[str, bytes] = {}

    def run(self, command: Command, kill_at: int | None = None, limit: int | None = None) -> tuple[int | None, str]:
        """Run a command; return its status (None if it did not end in time) and its messages."""
        log = self.scratch / "log.txt"
        log.unlink(missing_ok=True)
        process = self.context.Process(target=_run_here, args=(command, str(log), kill_at, limit))
        process.start()
        process.join(SECONDS)
        status = process.exitcode
        if status is None:
            process.kill()
            process.join()
        return status, log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    def note(self, name: str, fault: str, failure: str | None, detail: str = "") -> None:
        """Count one case, and its failure if there is one."""
        self.counts[name, fault]["cases"] += 1
        if failure is not None:
            self.counts[name, fault][failure] += 1
            self.problems.append(f"{name}, {fault}: {failure}: {detail[-600:]}")

    def judge(self, status: int | None, log: str, content: dict[str, bytes], reference: dict[str, bytes]) -> str | None:
        """Return the failure of a command that met a fault, or None."""
        if status is None:
            return "hang"
        if status == 0:
            return None if content == reference else "silent"
        lines = [line for line in log.splitlines() if line.startswith("redcore: ")]
        return None if status == 2 and len(lines) == 1 and "Traceback" not in log else "traceback"

    def full_disk(self, name: str, reference: dict[str, bytes]) -> None:
        """Run on a disk of 300 kB that is nearly full, then again with space."""
        for step in FREE_KILOBYTES if can_mount() else FILE_LIMITS:
            with self.fresh() as folder, disk(folder) as fill:
                command = commands(self.inputs, folder)[name]
                put_old(command)
                filler = fill(step)
                status, log = self.run(command, limit=None if can_mount() else step)
                failure = self.judge(status, log, command.content(), reference)
                failure = failure or self.lost(command, status, reference, partial_only=True)
                filler.unlink(missing_ok=True)
                self.note(name, "full disk", failure, log)

    def read_only(self, name: str, reference: dict[str, bytes]) -> None:
        """Write to a folder that may not be written."""
        with self.fresh() as folder, unwritable(folder):
            command = commands(self.inputs, folder)[name]
            if command.is_printed:
                return
            status, log = self.run(command)
            self.note(name, "read-only", self.judge(status, log, command.content(), reference) or at_zero(status), log)

    def special_paths(self, name: str, reference: dict[str, bytes]) -> None:
        """Write to, and read from, a FIFO and a device."""
        for make in (os.mkfifo, link_to_full):
            with self.fresh() as folder:
                command = commands(self.inputs, folder)[name]
                if command.is_printed and make is os.mkfifo:
                    continue
                make(command.out)
                before = command.out.lstat().st_mode
                status, log = self.run(command)
                failure = self.judge(status, log, {}, reference) or at_zero(status)
                if failure is None and command.out.lstat().st_mode != before:
                    failure = "lost"
                self.note(name, "special path", failure, log)
            with self.fresh() as folder:
                source = folder / "data.npz"
                make(source)
                command = commands(self.inputs, folder, source)[name]
                if str(source) in command.arguments:
                    status, log = self.run(command)
                    self.note(name, "special path", self.judge(status, log, {}, reference) or at_zero(status), log)

    def flipped_bits(self, name: str, reference: dict[str, bytes]) -> None:
        """Change one bit of a file that the command reads."""
        rng = np.random.default_rng(0)
        for path in commands(self.inputs, self.scratch)[name].reads:
            content = path.read_bytes()
            for position in rng.choice(len(content), min(self.n_points, len(content)), replace=False).tolist():
                with self.fresh() as folder:
                    path.write_bytes(flipped(content, position))
                    command = commands(self.inputs, folder)[name]
                    status, log = self.run(command)
                    failure = self.judge(status, log, command.content(), reference)
                    self.note(name, "flipped bit", failure, f"{path.name} byte {position}: {log}")
            path.write_bytes(content)

    def flipped_state(self, name: str, reference: dict[str, bytes], n_writes: int) -> None:
        """Kill the command late, change one bit of a file that it left, and run it again."""
        rng = np.random.default_rng(0)
        for point in range(self.n_points):
            with self.fresh() as folder:
                command = commands(self.inputs, folder)[name]
                self.run(command, kill_at=max(1, n_writes * 2 // 3))
                left = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
                if not left:
                    return
                path = left[point % len(left)]
                content = path.read_bytes()
                position = int(rng.integers(len(content)))
                path.write_bytes(flipped(content, position))
                status, log = self.run(command)
                failure = self.judge(status, log, command.content(), reference)
                self.note(name, "flipped bit", failure, f"{path.relative_to(folder)} byte {position}: {log}")

    def kills(self, name: str, reference: dict[str, bytes], n_writes: int) -> None:
        """Kill the command before each of its writes, then run it again."""
        points = np.unique(np.linspace(0, n_writes - 1, min(n_writes, self.n_points)).round().astype(int))
        for point in points.tolist():
            with self.fresh() as folder:
                command = commands(self.inputs, folder)[name]
                put_old(command)
                status, log = self.run(command, kill_at=point)
                self.note(name, "SIGKILL", self.lost(command, status, reference), f"write {point}: {log}")

    def lost(
        self, command: Command, status: int | None, reference: dict[str, bytes], partial_only: bool = False
    ) -> str | None:
        """Return "lost" if the output is partial, or if the command does not give its result when it is run again."""
        for name, content in command.content().items():
            if content not in (OLD, reference.get(name), self.shorter.get(name)) and not command.is_printed:
                return "lost"
        if partial_only and status != 0 and command.products == ("",) and not command.content():
            return "lost"  # the earlier result
        if partial_only or command.content() == reference:
            return None
        again, log = self.run(command)
        if again == 0 and command.content() == reference:
            return None
        self.problems.append(f"run again: status {again}: {log[-400:]}")
        return "lost"

    @contextlib.contextmanager
    def fresh(self) -> Iterator[Path]:
        folder = self.scratch / "out"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder

    def all_faults(self, name: str) -> None:
        """Inject all faults into one command."""
        with self.fresh() as folder:
            command = commands(self.inputs, folder)[name]
            status, log = self.run(command)
            assert status == 0, log
            reference = command.content()
            assert reference, name
            n_writes = int(log.rpartition("writes: ")[2])
        with self.fresh() as folder:
            command = commands(self.inputs, folder)[name]
            if command.shorter:
                self.run(replace(command, arguments=command.shorter))
                self.shorter = command.content()
        faults: list[Callable[[str, dict[str, bytes]], None]] = [self.full_disk, self.read_only, self.special_paths]
        for fault in (*faults, self.flipped_bits):
            fault(name, reference)
        if name in ("fit", "fit with folds", "tune", "bench", "extract"):
            self.flipped_state(name, reference, n_writes)
        self.kills(name, reference, n_writes)

    def table(self) -> str:
        """Return the counts as a Markdown table: cases, and the failures if there are any."""
        faults = ("full disk", "read-only", "special path", "flipped bit", "SIGKILL")
        lines = [f"| command | {' | '.join(faults)} | {' | '.join(FAILURES)} |", "|---" * (len(faults) + 5) + "|"]
        total: collections.Counter = collections.Counter()
        for name in dict.fromkeys(name for name, _ in self.counts):
            own = [self.counts[name, fault] for fault in faults]
            failures = [sum(count[failure] for count in own) for failure in FAILURES]
            numbers = [*(count["cases"] for count in own), *failures]
            total.update(dict(enumerate(numbers)))
            lines.append(f"| {name} | {' | '.join(map(str, numbers))} |")
        lines.append(f"| all | {' | '.join(str(total[place]) for place in range(len(faults) + len(FAILURES)))} |")
        return "\n".join(lines)


def at_zero(status: int | None) -> str | None:
    return "silent" if status == 0 else None


def flipped(content: bytes, position: int) -> bytes:
    damaged = bytearray(content)
    damaged[position] ^= 1 << position % 8
    return bytes(damaged)


def put_old(command: Command) -> None:
    """Put an earlier result in the place of a file that the command may replace."""
    if command.products == ("",):
        command.out.write_bytes(OLD)


def link_to_full(path: Path) -> None:
    path.symlink_to("/dev/full")


def can_mount() -> bool:
    return os.geteuid() == 0 and shutil.which("mount") is not None and mounts_work()


def mounts_work(known: dict[str, bool] = {}) -> bool:  # noqa: B006 - a cache
    if not known:
        with tempfile.TemporaryDirectory() as folder:
            mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder]
            known["works"] = subprocess.run(mount, capture_output=True, check=False).returncode == 0
            if known["works"]:
                subprocess.run(["umount", folder], check=True)
    return known["works"]


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[Callable[[int], Path]]:
    """Mount a disk of 300 kB; yield a function that fills it except for some kilobytes and returns the filler."""
    filler = folder / ".filler"
    if not can_mount():
        yield lambda _: filler
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], check=True)

    def fill(free: int) -> Path:
        usage = shutil.disk_usage(folder)
        filler.write_bytes(b"\0" * max(0, usage.free - free * 1024))
        return filler

    try:
        yield fill
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    if can_mount():
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], check=True)
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR) if not can_mount() else None
    try:
        yield
    finally:
        if can_mount():
            subprocess.run(["umount", "--lazy", folder], check=True)
        else:
            folder.chmod(stat.S_IRWXU)


def inject(names: tuple[str, ...], n_points: int) -> Bench:
    """Inject all faults into the named commands; at most `n_points` kills per command and bits per file."""
    with tempfile.TemporaryDirectory(prefix="redcore-faults-") as folder:
        inputs, scratch = Path(folder) / "inputs", Path(folder) / "scratch"
        inputs.mkdir()
        scratch.mkdir()
        write_inputs(inputs)
        bench = Bench(inputs, scratch, n_points)
        for name in names:
            n_known = len(bench.problems)
            bench.all_faults(name)
            print(f"{name}: {len(bench.problems) - n_known} problems", file=sys.stderr, flush=True)
            for problem in bench.problems[n_known:]:
                print(problem, flush=True)
    return bench


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=COMMANDS)
    parser.add_argument("--points", type=int, default=1000)
    options = parser.parse_args()
    bench = inject(tuple(options.commands), options.points)
    print(bench.table())
    sys.exit(bool(bench.problems))


if __name__ == "__main__":
    main()
