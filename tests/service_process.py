"""``redcore serve`` as a child process on the loopback interface."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from factories import make_data, tiny
from redcore import make_method, save_model

__all__ = ["ServiceProcess", "save_small_model"]


def save_small_model(path: Path, method: str = "late_fusion") -> None:
    """Save a model of three modalities: audio (sequences of 3 features), text (4 features) and video (5 features)."""
    save_model(make_method(method, settings=tiny(method)).fit(make_data("multiclass", 60, sequences=True)), path)


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServiceProcess:
    """Context manager that starts ``redcore serve``, waits until it responds and stops it at the end of the block.

    Parameters
    ----------
    model : Path
        Model folder.
    *options : str
        Further options of the command.
    port : int, optional
        An unused port if absent.
    """

    def __init__(self, model: Path, *options: str, port: int | None = None) -> None:
        self.model, self.options = model, options
        self.port = port or free_port()

    def command(self) -> list[str]:
        """Return the command of the process."""
        return [sys.executable, "-m", "redcore", "serve", str(self.model), "--port", str(self.port), *self.options]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self.command(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for _ in range(3000):
            if self.process.poll() is not None:
                raise RuntimeError(f"the service exited: {self.process.stderr.read().decode()[-2000:]}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/health")
                connection.getresponse().read()
                connection.close()
                return self
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the service did not start within 300 s")

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.communicate(timeout=40)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.communicate()

    def resident_bytes(self) -> int:
        """Return the resident memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def processor_seconds(self) -> float:
        """Return the processor time of the process."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
