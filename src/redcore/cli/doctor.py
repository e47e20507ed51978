"""``redcore doctor``: versions, devices, threads, optional dependencies, folders, and what is slow or broken here."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from redcore.cli._options import Json

__all__ = ["doctor"]

TOOLS = ("dev", "docs", "pages")
"""Extras for the development of the package itself."""
SYNC_MILLISECONDS = 20
"""Threshold of the time of a small write that is flushed to disk. A fit writes a checkpoint in every epoch."""
FREE_GIB = 2
"""Threshold of free memory and free disk space."""


def doctor(as_json: Json = False) -> None:
    """Show versions, devices, threads, optional dependencies and folders, and name what is slow or broken here.

    Nothing is changed. The exit status is 2 if a required package is absent or too old. Add the output to a bug report.
    """
    import json

    installed = _requirements()
    packages = {name: one for name, one in installed.items() if not name.startswith("extra ")}
    broken = [f"{name}: {state}" for name, state in _faults(packages)]
    devices, remarks = _devices()
    folders = {"current": Path.cwd(), "temporary": Path(tempfile.gettempdir()), "matplotlib": _matplotlib_cache()}
    content: dict[str, Any] = {
        "versions": _versions(packages),
        "machine": _machine(),
        "devices": devices,
        "extras": _extras(installed),
        "folders": {name: _folder(path) for name, path in folders.items()},
    }
    content |= {"broken": broken, "slow": [*remarks, *_slow(content)]}
    if as_json:
        typer.echo(json.dumps(content))
    else:
        typer.echo("\n".join(_lines(content)))
    if broken:
        raise typer.Exit(2)


def _requirements() -> dict[str, dict[str, str]]:
    """Return state and version of each requirement, by package name, or by ``extra NAME`` and package for extras.

    The state is ``ok``, ``absent`` or a version that is out of bounds. The result is empty if the package runs from a
    folder of sources that is not installed.
    """
    import re
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    try:
        texts = requires("redcore") or ()
    except PackageNotFoundError:
        return {}
    states: dict[str, dict[str, str]] = {}
    for text in texts:
        requirement = Requirement(text)
        extra = re.search(r"extra == ['\"]([^'\"]+)", str(requirement.marker or ""))
        key = f"extra {extra[1]}" if extra else requirement.name
        try:
            own = version(requirement.name)
            fits = requirement.specifier.contains(own, prereleases=True)
            state = own if fits else f"{own}, expected {requirement.specifier}"
        except PackageNotFoundError:
            state = "absent"
        states.setdefault(key, {})[requirement.name] = state
    return states


def _faults(packages: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield each requirement that is absent or out of bounds, with its state."""
    for states in packages.values():
        for name, state in states.items():
            if state == "absent" or "expected" in state:
                yield name, state


def _versions(packages: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    import platform

    from redcore._provenance import git_state
    from redcore._version import __version__

    commit = git_state().get("commit")
    own = {"redcore": f"{__version__} ({commit[:9]})" if commit else __version__, "python": platform.python_version()}
    return own | {name: state for states in packages.values() for name, state in states.items()}


def _machine() -> dict[str, Any]:
    import platform

    return {
        "system": platform.platform(),
        "python": sys.executable,
        "cores": os.cpu_count(),
        "usable cores": _usable_cores(),
        "load of one minute": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "available memory in GiB": _available_memory(),
    }


def _usable_cores() -> float:
    """Return the number of cores that this process may use: its affinity and the quota of its control group."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return min(float(affinity), round(int(quota) / int(period), 1))
    except (OSError, ValueError):
        return float(affinity)


def _available_memory() -> float | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(round(int(line.split()[1]) / 2**20, 1) for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration):
        return None


def _devices() -> tuple[dict[str, Any], list[str]]:
    """Return devices and threads of torch and of the linear algebra of NumPy, and remarks."""
    try:
        import torch
    except Exception as error:
        # a broken installation raises many kinds of errors
        return {}, [f"torch cannot be imported: {type(error).__name__}: {error}"]
    from threadpoolctl import threadpool_info

    devices = [
        "cpu",
        *(f"cuda:{index} {torch.cuda.get_device_name(index)}" for index in range(torch.cuda.device_count())),
    ]
    if torch.backends.mps.is_available():
        devices.append("mps")
    capability = torch.backends.cpu.get_cpu_capability()
    remarks = []
    if capability == "DEFAULT":
        remarks.append("the processor has no AVX2: networks train several times slower")
    if "OPENBLAS_CORETYPE" in os.environ:
        remarks.append(
            f"OPENBLAS_CORETYPE={os.environ['OPENBLAS_CORETYPE']} selects the kernels of NumPy, which may be slow ones"
        )
    libraries = {
        f"{one.get('internal_api')} {Path(one.get('filepath', '')).name}": one.get("num_threads")
        for one in threadpool_info()
    }
    return {"devices": devices, "instructions": capability, "threads": torch.get_num_threads(), **libraries}, remarks


def _extras(installed: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return "present", or the packages that are absent or too old, by optional dependency."""
    extras = {key.removeprefix("extra "): states for key, states in installed.items() if key.startswith("extra ")}
    return {
        extra: ", ".join(f"{name} {state}" for name, state in _faults({extra: states})) or "present"
        for extra, states in sorted(extras.items())
        if extra not in TOOLS
    }


def _matplotlib_cache() -> Path:
    try:
        import matplotlib

        return Path(matplotlib.get_cachedir())
    except Exception:
        # the folder is only shown; a broken installation is reported by the versions
        return Path.home() / ".cache" / "matplotlib"


def _folder(path: Path) -> dict[str, Any]:
    """Return free disk space, write access, and the time of a small write that is flushed to disk."""
    import shutil
    import time

    try:
        free = round(shutil.disk_usage(path).free / 2**30, 1)
        start = time.perf_counter()
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
        milliseconds = round(1000 * (time.perf_counter() - start), 1)
    except OSError as error:
        return {"path": str(path), "writable": False, "error": os.strerror(error.errno or 0)}
    return {"path": str(path), "writable": True, "free GiB": free, "milliseconds of a flushed write": milliseconds}


def _slow(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each property of the machine that makes fits slow or lets them fail."""
    machine, devices = content["machine"], content["devices"]
    cores, threads = machine["usable cores"], devices.get("threads", 1)
    if threads > cores:
        yield f"torch uses {threads} threads on {cores:g} usable cores: set OMP_NUM_THREADS={max(1, int(cores))}"
    load = machine["load of one minute"]
    if load is not None and load > 1.5 * (machine["cores"] or 1):
        yield f"the load is {load:g} on {machine['cores']} cores: other processes slow down every fit"
    memory = machine["available memory in GiB"]
    if memory is not None and memory < FREE_GIB:
        yield f"{memory:g} GiB of memory are available: use a store for large data (docs/data.md)"
    for name, folder in content["folders"].items():
        if not folder["writable"]:
            yield f"{name} folder {folder['path']}: not writable ({folder['error']})"
            continue
        if folder["free GiB"] < FREE_GIB:
            yield f"{name} folder {folder['path']}: {folder['free GiB']:g} GiB free"
        milliseconds = folder["milliseconds of a flushed write"]
        if milliseconds > SYNC_MILLISECONDS and name == "current":
            yield f"folder {folder['path']}: a flushed write takes {milliseconds:g} ms, which slows down checkpoints"


def _lines(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the terminal output."""
    for title, section in content.items():
        if isinstance(section, Mapping):
            yield title
            for name, value in section.items():
                yield f"  {name:26} {_text(value)}"
        else:
            yield from (f"{title}: {line}" for line in section)
    if not content["broken"] and not content["slow"]:
        yield "nothing is broken or slow"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join([str(value["path"]), *(f"{name} {one}" for name, one in value.items() if name != "path")])
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return "unknown" if value is None else str(value)
