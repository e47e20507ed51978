"""Kill a benchmark with SIGKILL at random times, resume it each time and compare with an uninterrupted run.

    $ make slow

The killed processes are forked from a server that has imported all packages, so that kills hit the computation and not
the imports. The exit status is 1 if predictions differ, or if records differ in anything but timings.
"""

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from redcore.benchmark import Spec, read_records, read_spec, run


def differing(folder: Path, reference: Path) -> list[str]:
    """Return the keys of cells whose records or predictions differ between two folders."""
    actual, expected = ({record.key: record for record in read_records(place)} for place in (folder, reference))
    return [
        key
        for key in actual.keys() | expected.keys()
        if key not in actual
        or key not in expected
        or actual[key].result() != expected[key].result()
        or not np.array_equal(np.load(folder / actual[key].predictions), np.load(reference / expected[key].predictions))
    ]


def n_records(folder: Path) -> int:
    return len(list(folder.glob("records/*.json")))


class Killer:
    """Runner that starts a benchmark in a process and kills it after a number of records."""

    def __init__(self, spec: Spec, n_jobs: int, data_folder: Path | None) -> None:
        self.spec, self.options = spec, {"n_jobs": n_jobs, "data_folder": data_folder}
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["redcore.benchmark._cell"])

    def go(self, folder: Path, n_more: int | None = None, seconds: float = 0.0) -> bool:
        """Run until `n_more` new records exist and `seconds` have passed, then kill; return True if it was killed.

        If `n_more` is None, run to the end.
        """
        process = self.context.Process(target=run, args=(self.spec, folder), kwargs=self.options)
        target = None if n_more is None else n_records(folder) + n_more
        process.start()
        while process.is_alive() and (target is None or n_records(folder) < target):
            process.join(0.005)
        process.join(None if target is None else seconds)
        killed = process.is_alive()
        process.kill()
        process.join()
        return killed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spec", default="quick")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--data-folder", type=Path)
    parser.add_argument("--reference", type=Path, help="folder of an existing uninterrupted run")
    options = parser.parse_args()
    spec = read_spec(options.spec).shortened(settings=dict(change.split("=", 1) for change in options.set))
    killer, rng, kills, different, n_folders = (
        Killer(spec, options.jobs, options.data_folder),
        random.Random(0),
        0,
        [],
        0,
    )
    with tempfile.TemporaryDirectory() as place:
        reference, folder = options.reference or Path(place) / "uninterrupted", Path(place) / "killed-0"
        start = time.perf_counter()
        killer.go(reference)
        cell = sum(sum(record.seconds.values()) for record in read_records(reference)) / len(read_records(reference))
        print(f"uninterrupted: {time.perf_counter() - start:.0f} s, {cell:.1f} s a cell", flush=True)
        while kills < options.kills:
            # wait for a number of records, not only for seconds, so that a busy machine makes progress between kills
            if killer.go(folder, rng.randint(0, 1), rng.uniform(0, cell / options.jobs)):
                kills += 1
                print(f"kill {kills}: {n_records(folder)} records", flush=True)
            else:
                # the run finished before the kill: continue with a new folder
                different += differing(folder, reference)
                n_folders += 1
                folder = Path(place) / f"killed-{n_folders}"
        killer.go(folder)
        different += differing(folder, reference)
    print(f"{kills} kills, {n_folders + 1} completed runs, {len(different)} different records: {different}")
    sys.exit(bool(different))


if __name__ == "__main__":
    main()
