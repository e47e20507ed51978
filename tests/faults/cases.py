"""Commands that write, with the inputs that they need and the files by which their results are compared."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from redcore.cli import main
from samples.recordings import write_recordings

__all__ = ["COMMANDS", "Command", "commands", "write_inputs"]

NETWORK = ("--set", "max_epochs=2", "--set", "latent_dim=8", "--set", "imputer_layers=8", "--set", "n_members=1")
SPEC = 'title = "small"\n[[data]]\nname = "data.npz"\n[[protocol]]\nname = "shared"\nrates = [0.3]\n'
SPEC += '[[method]]\nname = "late_fusion"\n'


@dataclass(frozen=True)
class Command:
    """A command with its output.

    Attributes
    ----------
    arguments : tuple of str
    out : Path
        File or folder that the command writes.
    products : tuple of str
        Glob patterns in `out` of the files that do not depend on times and paths; "" for `out` itself.
    reads : tuple of Path
        Files that the command reads and whose damage it must notice.
    is_printed : bool
        If True, the standard output of the command is `out`.
    shorter : tuple of str
        Arguments of a shorter command. Its result may remain if this one is stopped.
    """

    arguments: tuple[str, ...]
    out: Path
    products: tuple[str, ...]
    reads: tuple[Path, ...]
    is_printed: bool = False
    shorter: tuple[str, ...] = ()

    def content(self) -> dict[str, bytes]:
        """Return the contents of all product files that exist."""
        paths = [self.out] if self.products == ("",) else [p for glob in self.products for p in self.out.glob(glob)]
        return {path.name: path.read_bytes() for path in paths if path.is_file() and not path.name.startswith(".")}


def write_inputs(folder: Path) -> None:
    """Write the files, the store, the finished run and the finished benchmark that `commands` read."""
    rng, codes = np.random.default_rng(0), np.arange(240) % 3
    audio, text = rng.normal(size=(240, 3)) + codes[:, None], rng.normal(size=(240, 4)) - codes[:, None]
    np.savez(folder / "data.npz", x_audio=audio, x_text=text, y=codes, has_text=np.arange(240) % 4 > 0)
    rows = "".join(f"p{k},{k * 0.37 % 1},{k % 2}\n" for k in range(200))
    (folder / "table.csv").write_text("id,crp,out\n" + rows)
    (folder / "spec.toml").write_text(SPEC)
    write_recordings(folder / "recordings", ("image", "text"), 6)
    data = folder / "data.npz"
    for arguments in (
        ["convert", data, "--out", folder / "store"],
        ["fit", data, "--out", folder / "run", "--method", "late_fusion"],
        ["bench", "run", folder / "spec.toml", "--data-folder", folder, "--out", folder / "bench"],
        ["bench", "pack", folder / "bench", "--out", folder / "packed.jsonl.gz"],
    ):
        assert main([str(part) for part in arguments]) == 0


def commands(inputs: Path, folder: Path, source: Path | None = None) -> dict[str, Command]:
    """Return all commands with outputs in `folder`. `source` replaces the data file of the inputs."""
    data, store, run, spec = source or inputs / "data.npz", inputs / "store", inputs / "run", inputs / "spec.toml"
    model = (run / "model/model.safetensors", run / "model/model.json")
    of_store = tuple(sorted(path for path in store.rglob("*") if path.is_file()))
    bench, packed = inputs / "bench", inputs / "packed.jsonl.gz"
    tune = ("--method", "late_fusion", "--folds", "2", "--trials")
    images = ("--image", "colour", "--jobs", "1", "--labels", inputs / "recordings/labels.csv")
    linear = ("--method", "late_fusion")
    join = ("--modality", f"blood={inputs / 'table.csv'}", "--id", "id", "--target", f"{inputs / 'table.csv'}:out")
    parquet = ("**/*.parquet",)
    rows = {
        "fit": (("fit", data, *NETWORK, "--resume", "--out"), "new", ("model/*s", "metrics.json")),
        "fit with folds": (("fit", data, *linear, "--cv", "2", "--resume", "--out"), "folds", ("model/*s",)),
        "predict": (("predict", run, data, "--out"), "p.csv", ("",)),
        "predict a store": (("predict", run, store, "--out"), "q.csv", ("",)),
        "convert": (("convert", store, "--out"), "copy", parquet),
        "bench": (("bench", "run", spec, "--data-folder", inputs, "--out"), "bench", ("predictions/*",)),
        "tune": (("tune", data, *tune, "2", "--out"), "study", ("preset.json",)),
        "export": (("export", run, "--format", "safetensors", "--out"), "m.safetensors", ("",)),
        "explain": (("explain", run, data, "--json", "--out"), "why", ("explain.json", "explain.html")),
        "calibrate": (("calibrate", run, data, "--rows", "all", "--out"), "fixed", ("model/*s",)),
        "drift": (("drift", run, data, "--json"), "d.json", ("",)),
        "page of drift": (("drift", run, data, "--html"), "d.html", ("",)),
        "evaluate": (("evaluate", run, data, "--json"), "scores.json", ("",)),
        "inspect": (("inspect", data, "--html"), "i.html", ("",)),
        "report": (("report", run, "--out"), "r.html", ("",)),
        "bench report": (("bench", "report", bench, "--out"), "b.html", ("",)),
        "bench pack": (("bench", "pack", bench, "--out"), "b.jsonl.gz", ("",)),
        "bench unpack": (("bench", "unpack", packed, "--out"), "unpacked", ("**/*",)),
        "export to ONNX": (("export", run, "--out"), "m.onnx", ("",)),
        "model card": (("export", run, "--format", "card", "--out"), "card.md", ("",)),
        "extract": (("extract", inputs / "recordings", *images, "--out"), "features", parquet),
        "join": (("join", *join, "--out"), "joined", parquet),
        "ampute": (("ampute", data, "--missing-rate", "0.2", "--out"), "masked", parquet),
    }  # fmt: skip
    of_model = ("predict", "evaluate", "export", "export to ONNX", "model card", "explain", "calibrate", "drift")
    reads = dict.fromkeys(of_model, model)
    reads |= dict.fromkeys(("predict a store", "convert"), of_store)
    found = {
        name: Command((*map(str, parts), str(folder / out)), folder / out, products, reads.get(name, ()))
        for name, (parts, out, products) in rows.items()
    }
    shorter = ("tune", str(data), *tune, "1", "--out", str(found["tune"].out))
    found["tune"] = replace(found["tune"], shorter=shorter)
    found["evaluate"] = replace(found["evaluate"], arguments=found["evaluate"].arguments[:-1], is_printed=True)
    return found


COMMANDS = tuple(commands(Path(), Path()))
