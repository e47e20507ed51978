"""Check an installation without optional dependencies: import, examples of README.md, and errors that name the extras.

Run it by the Python of the installation, from any folder: `python .ci/smoke.py`. It needs no test packages.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import metadata
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
WITHOUT_ERROR = {
    "dev": "tools of the developers",
    "docs": "tools of the documentation",
    "loggers": "the user passes the logger",
    "pages": "tools of the tests",
}
"""Extras that no function of the package imports."""


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def _redcore(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "redcore", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def _expect(condition: bool, message: str) -> None:
    if not condition:
        sys.exit(f"smoke: {message}")


def check_import() -> None:
    """Import the package from outside the checkout, without torch and without optional packages."""
    code = (
        "import sys, redcore; from pathlib import Path; "
        "print(redcore.__version__, 'torch' in sys.modules, Path(redcore.__file__).parent)"
    )
    done = _python(code)
    _expect(done.returncode == 0, f"import redcore: {done.stderr}")
    version, has_torch, folder = done.stdout.strip().split(" ", 2)
    _expect(has_torch == "False", "import redcore loads torch")
    _expect("site-packages" in folder, f"expected an installed package, got {folder}")
    print(f"import redcore: {version} in {folder}")


def check_readme() -> None:
    """Run the Python blocks and the redcore commands of README.md."""
    text = README.read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        done = _python(code)
        _expect(done.returncode == 0, f"Python of README.md: {done.stderr}")
        print(f"README.md, Python of {len(code.splitlines())} lines: passed")
    for block in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ redcore"):
                done = _redcore(*shlex.split(line.removeprefix("$ redcore "), comments=True))
                _expect(done.returncode == 0, f"{line}: {done.stderr}")
                print(f"README.md, {line.removeprefix('$ ').strip()}: passed")


def _commands() -> dict[str, Callable[[], subprocess.CompletedProcess[str]]]:
    """Return a command per extra that needs it. All run after `redcore fit wine --out run`."""
    signature = b"\x89HDF\r\n\x1a\n"
    Path("csd").mkdir()
    for name in ("file.h5mu", "csd/labels.csd", "csd/audio.csd"):
        Path(name).write_bytes(signature + bytes(64))
    Path("recordings/a").mkdir(parents=True)
    Path("recordings/a/one.txt").write_text("a text", encoding="utf-8")
    Path("recordings/a/one.wav").write_bytes(b"RIFF")
    Path("tabpfn.ckpt").write_bytes(b"weights")
    pretrained = ("--set", "weights=tabpfn.ckpt")
    survival = (
        "import numpy as np; from redcore import RedCoreSurvival; rng = np.random.default_rng(0); "
        "y = np.array([(True, t) for t in rng.exponential(size=60)], dtype=[('event', bool), ('time', float)]); "
        "X = {'a': rng.normal(size=(60, 2))}; "
        "RedCoreSurvival(preset='fast').fit(X, y).predict_survival_function(X)"
    )
    return {
        "tune": lambda: _redcore("tune", "wine", "--out", "study", "--method", "stack", "--trials", 1),
        "hdf5": lambda: _redcore("inspect", "csd"),
        "omics": lambda: _redcore("inspect", "file.h5mu"),
        "ray": lambda: _redcore("bench", "run", "quick", "--out", "bench", "--backend", "ray"),
        "tensorboard": lambda: _redcore("fit", "wine", "--out", "logged", "--method", "redcore", "--log-every", 1),
        "onnx": lambda: _redcore("export", "run", "--out", "model.onnx"),
        "serve": lambda: _redcore("serve", "run"),
        "survival": lambda: _python(survival),
        "extract": lambda: _redcore("extract", "recordings", "--out", "store", "--audio", "logmel"),
        "transformers": lambda: _redcore("extract", "recordings", "--out", "store", "--text", "pretrained"),
        "tabicl": lambda: _redcore("fit", "wine", "--out", "fit-1", "--method", "tabicl", *pretrained),
        "tabpfn": lambda: _redcore("fit", "wine", "--out", "fit-2", "--method", "tabpfn", *pretrained),
    }


def check_extras() -> None:
    """Check that a command without its optional dependency prints one line with the command to install it."""
    done = _redcore("fit", "wine", "--out", "run", "--preset", "fast")
    _expect(done.returncode == 0, f"redcore fit wine: {done.stderr}")
    extras, commands = set(metadata("redcore").get_all("Provides-Extra") or ()), _commands()
    _expect(extras == set(commands) | set(WITHOUT_ERROR), f"extras without a check: {sorted(extras ^ set(commands))}")
    for extra, command in commands.items():
        done = command()
        last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""
        _expect(
            done.returncode != 0 and f"pip install 'redcore[{extra}]'" in last,
            f"without the extra {extra}: expected an error that names it, got status {done.returncode}:\n{done.stderr}",
        )
        print(f"without {extra}: {last}")


def main() -> None:
    """Run all checks in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        check_import()
        check_readme()
        check_extras()
    print("smoke: passed")


if __name__ == "__main__":
    main()
