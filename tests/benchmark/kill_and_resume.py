"""Kill a benchmark with SIGKILL at random moments, resume it each time, and compare with an uninterrupted run.

    $ make slow

Too slow for a unit test: every start imports torch. Ends with status 1 if any record differs in more than timings.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from redcore.benchmark import read_records


def command(options: argparse.Namespace, folder: Path) -> list[str]:
    changes = [word for change in options.set for word in ("--set", change)]
    jobs = ["--jobs", str(options.jobs)]
    return [sys.executable, "-m", "redcore", "bench", "run", options.spec, "--out", str(folder), *jobs, *changes]


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(arguments, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def n_records(folder: Path) -> int:
    return len(list((folder / "records").glob("*.json")))


def kill_once(arguments: list[str], longest: float, rng: random.Random) -> bool:
    """Start, kill all its processes at a random moment, and say whether there was something left to kill."""
    process = start(arguments)
    try:
        process.wait(timeout=rng.uniform(0, longest))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def differing(folder: Path, reference: Path) -> list[str]:
    found, expected = ({record.key: record.result() for record in read_records(place)} for place in (folder, reference))
    return [key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spec", default="quick")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--latest", type=float, default=0.4, help="last moment, as a share of an uninterrupted run")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    rng, done, wrong = random.Random(0), 0, []
    with tempfile.TemporaryDirectory() as place:
        reference = Path(place) / "uninterrupted"
        began = time.perf_counter()
        subprocess.run(command(options, reference), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        print(f"uninterrupted: {n_records(reference)} records in {seconds:.1f} s", flush=True)
        folder = Path(place) / "killed-0"
        while done < options.kills:
            if kill_once(command(options, folder), options.latest * seconds, rng):
                done += 1
                print(f"killed {done} times, {n_records(folder)} records in {folder.name}", flush=True)
            else:
                # it came to its end before its moment: another folder takes the other kills
                wrong += differing(folder, reference)
                folder = Path(place) / f"killed-{done}"
        subprocess.run(command(options, folder), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wrong += differing(folder, reference)
    print(f"{done} kills, {len(wrong)} records that differ from the uninterrupted run: {wrong}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
