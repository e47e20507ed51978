"""Folder of ``.npy`` files with ``labels.csv``."""

from pathlib import Path

import numpy as np


def write_sample(folder: Path) -> Path:
    """Write six samples: vectors, and sequences that are missing in two samples."""
    rng, root = np.random.default_rng(0), folder / "sample"
    rows = ["id,label,group,split"]
    for row in range(6):
        name = f"s{row}"
        rows.append(f"{name},{'yes' if row % 2 else 'no'},g{row // 2},{('train', 'validation', 'test')[row // 2]}")
        entries = {"lab": rng.standard_normal(3), "ecg": rng.standard_normal((2 + row, 2))}
        for modality, values in entries.items():
            (root / modality).mkdir(parents=True, exist_ok=True)
            if modality != "ecg" or row not in (1, 4):
                np.save(root / modality / f"{name}.npy", values.astype(np.float32))
    (root / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def remove_labels(path: Path) -> None:
    """Remove the label file."""
    (path / "labels.csv").unlink()
