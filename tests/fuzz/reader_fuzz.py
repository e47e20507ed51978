"""Damage valid samples of every format at random, and check that readers raise an error that names the file.

    PYTHONPATH=tests python tests/fuzz/reader_fuzz.py --cases 20000 --seed 0

A case is a sample with one to three changes: bits flipped, a span cut, zeroed, repeated or overwritten, the end cut
off, a number made huge, two files of a folder exchanged, a file emptied or removed. A case passes if the sample reads
or if the reader raises a `RedCoreError`. It fails with any other exception, an error message without the file name or
with several lines, a changed or new file, more than `MEMORY_LIMIT` bytes of memory, more than `SECONDS` seconds, or a
crash of the process.
"""

import argparse
import multiprocessing
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from redcore._discovery import names
from redcore.data.formats import read
from redcore.exceptions import RedCoreError
from samples import write_format

MEMORY_LIMIT = 3 * 2**30
SECONDS = 30
CHUNK = 250

Damage = Callable[[bytearray, np.random.Generator], bytearray]


def flip(content: bytearray, rng: np.random.Generator) -> bytearray:
    for place in rng.integers(len(content), size=rng.integers(1, 9)):
        content[place] ^= 1 << int(rng.integers(8))
    return content


def span(content: bytearray, rng: np.random.Generator) -> slice:
    start = int(rng.integers(len(content)))
    return slice(start, start + int(rng.integers(1, 65)))


def cut(content: bytearray, rng: np.random.Generator) -> bytearray:
    del content[span(content, rng)]
    return content


def truncate(content: bytearray, rng: np.random.Generator) -> bytearray:
    return content[: int(rng.integers(len(content)))]


def zero(content: bytearray, rng: np.random.Generator) -> bytearray:
    part = span(content, rng)
    content[part] = bytes(len(content[part]))
    return content


def repeat(content: bytearray, rng: np.random.Generator) -> bytearray:
    part = span(content, rng)
    content[part.start : part.start] = content[part] * int(rng.integers(1, 5))
    return content


def overwrite(content: bytearray, rng: np.random.Generator) -> bytearray:
    part = span(content, rng)
    content[part] = rng.bytes(len(content[part]))
    return content


def huge(content: bytearray, rng: np.random.Generator) -> bytearray:
    number = int(rng.choice([2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1]))
    width = 4 if number < 2**32 else 8
    start = int(rng.integers(len(content)))
    content[start : start + width] = number.to_bytes(width, "little")
    return content


DAMAGES: tuple[Damage, ...] = (flip, flip, cut, truncate, zero, repeat, overwrite, huge)


def spoil(path: Path, rng: np.random.Generator) -> None:
    """Change the file or folder at `path` in one way."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    if not files:
        return
    target = files[int(rng.integers(len(files)))]
    if len(files) > 1 and rng.random() < 0.1:
        other = files[int(rng.integers(len(files)))]
        first, second = target.read_bytes(), other.read_bytes()
        target.write_bytes(second)
        other.write_bytes(first)
    elif len(files) > 1 and rng.random() < 0.05:
        target.unlink()
    else:
        content = bytearray(target.read_bytes())
        damage = DAMAGES[int(rng.integers(len(DAMAGES)))]
        target.write_bytes(damage(content, rng) if content else b"\x00")


def listing(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def outcome(folder: Path, path: Path, name: str, options: dict[str, object]) -> str:
    """Read, and return "reads", "named error", or what went wrong."""
    before = listing(folder)
    signal.alarm(SECONDS)
    try:
        read(path, name, options)
        result = "reads"
    except RedCoreError as error:
        named = path.name in str(error) and "\n" not in str(error)
        result = "named error" if named else f"BAD unnamed: {error}"
    except BaseException as error:
        result = f"BAD {type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    return result if listing(folder) == before else "BAD a file was changed"


def too_long(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


def run_chunk(name: str, options: dict[str, object], first: int, n_cases: int, seed: int, report: str) -> None:
    """Run cases in a process of its own; the report names the case at hand, should the process die."""
    signal.signal(signal.SIGALRM, too_long)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as outer, Path(report).open("w") as lines:
        sample = write_format(name, Path(outer))
        for case in range(first, first + n_cases):
            lines.write(f"BAD death of the process in case {case}\n")
            lines.flush()
            rng = np.random.default_rng([seed, case])
            with tempfile.TemporaryDirectory() as inner:
                shutil.copytree(outer, inner, dirs_exist_ok=True)
                path = Path(inner) / sample.relative_to(outer)
                for _ in range(int(rng.integers(1, 4))):
                    spoil(path, rng)
                found = outcome(Path(inner), path, name, options) if path.exists() else "reads"
            lines.write(f"= {case} {' '.join(found.split())}\n")


def results(report: Path) -> list[str]:
    """Return the outcome of every case that a chunk began."""
    lines = report.read_text().splitlines()
    done = [line.split(" ", 2)[2] for line in lines if line.startswith("= ")]
    dead = [line for line in lines[-1:] if line.startswith("BAD")]
    return done + dead


VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "store, unverified": ("store", {"verify": False}),
    "table, options": (
        "table",
        {
            "delimiter": ",",
            "decimal": ".",
            "encoding": "utf-8",
            "header": True,
            "na_values": "-2.0,c",
            "category": "lab_1,ecg_*",
            "nan_rows": "missing",
        },
    ),
    "table, legacy": ("table", {"encoding": "latin-1", "decimal": ",", "task": "classes"}),
    "npz, task": ("npz", {"task": "numbers"}),
    "h5mu, options": ("h5mu", {"target": "group", "group": "target", "task": "classes", "nan_rows": "missing"}),
}
"""Readers with other options than the defaults: name, format and options."""


def subjects() -> dict[str, tuple[str, dict[str, object]]]:
    """Return the readers to test by name, with format and options: all formats, and the variants."""
    formats: dict[str, tuple[str, dict[str, object]]] = {name: (name, {}) for name in names("redcore.data.formats")}
    return formats | VARIANTS


def fuzz(name: str, options: dict[str, object], n_cases: int, seed: int) -> Counter[str]:
    """Run `n_cases` cases of one reader in processes of their own."""
    counts: Counter[str] = Counter()
    # spawned, so that a limit of memory or a death touches nobody else
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        first = 0
        while first < n_cases:
            report = Path(folder) / f"{first}.txt"
            size = min(CHUNK, n_cases - first)
            process = context.Process(target=run_chunk, args=(name, options, first, size, seed, str(report)))
            process.start()
            process.join()
            found = results(report)
            counts.update(found)
            # after a death go on behind it
            first += max(1, len(found))
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000, help="over all readers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", help="only these")
    arguments = parser.parse_args()
    chosen = {key: value for key, value in subjects().items() if not arguments.reader or key in arguments.reader}
    each = -(-arguments.cases // len(chosen))
    print(f"{'reader':<20}{'cases':>8}{'reads':>8}{'named errors':>14}{'crashes':>9}")
    total: Counter[str] = Counter()
    for key, (name, options) in chosen.items():
        counts = fuzz(name, options, each, arguments.seed)
        bad = {text: n for text, n in counts.items() if text.startswith("BAD")}
        row = Counter(cases=counts.total(), reads=counts["reads"], named=counts["named error"], bad=sum(bad.values()))
        total.update(row)
        print(f"{key:<20}{row['cases']:>8}{row['reads']:>8}{row['named']:>14}{row['bad']:>9}", flush=True)
        for text, n in sorted(bad.items(), key=lambda item: -item[1])[:10]:
            print(f"    {n} x {text[:300]}", flush=True)
    print(f"{'all':<20}{total['cases']:>8}{total['reads']:>8}{total['named']:>14}{total['bad']:>9}")
    return int(total["bad"] > 0)


if __name__ == "__main__":
    sys.exit(main())
