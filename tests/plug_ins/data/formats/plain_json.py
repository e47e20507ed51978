"""One JSON object: rows of numbers by modality, null where one is missing, and perhaps labels."""

import json
from pathlib import Path

from redcore._settings import Settings
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError

Options = Settings


def recognises(path: Path) -> bool:
    return path.suffix == ".json"


def write_sample(folder: Path) -> Path:
    path = folder / "sample.json"
    rows = {"audio": [[0.5, 1.0], None, [2.0, 3.0]], "text": [[1.0], [2.0], None]}
    path.write_text(json.dumps({"modalities": rows, "labels": ["no", "yes", "no"]}))
    return path


def remove_labels(path: Path) -> None:
    path.write_text(json.dumps({"modalities": json.loads(path.read_text())["modalities"]}))


def read(path: Path, options: Settings) -> MultimodalData:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = content["modalities"]
        observed = {name: [row is not None for row in column] for name, column in rows.items()}
        width = {name: max(len(row) for row in column if row) for name, column in rows.items()}
        values = {name: [row or [0.0] * width[name] for row in column] for name, column in rows.items()}
        target = Target.from_labels(content["labels"]) if "labels" in content else None
        return MultimodalData.from_arrays(values, target, availability=observed)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not such a JSON object ({str(error).splitlines()[0]})") from None
