"""SUPPORT."""

from pathlib import Path

import numpy as np

from redcore.datasets.support2 import BLOCKS

CATEGORIES = {
    "sex": ("male", "female"),
    "race": ("white", "black", "other"),
    "dzgroup": ("Lung Cancer", "Cirrhosis", "CHF"),
    "dzclass": ("Cancer", "COPD/CHF/Cirrhosis"),
    "ca": ("metastatic", "no", "yes"),
    "income": ("$11-$25k", "under $11k", ">$50k"),
}
LATER = ("death", "slos", "d.time", "totcst", "surv2m")
"""Columns of the public file that are known later and are no features."""


def write_sample(root: Path) -> Path:
    """Write twelve patients in the form of the public file, and return `root`.

    The second patient has no blood gas, the third no liver values. Numbers are padded with blanks.
    """
    generator = np.random.default_rng(0)
    columns = [column for block in BLOCKS.values() for column in block]
    lines = [",".join(("sno", "hospdead", *LATER, *columns))]
    for row in range(12):
        cells = {column: f"{generator.integers(1, 99):3d}" for column in columns}
        cells |= {column: values[row % len(values)] for column, values in CATEGORIES.items()}
        cells |= dict.fromkeys({1: BLOCKS["blood_gas"], 2: BLOCKS["liver"]}.get(row, ()), "")
        later = (str(row % 3 % 2), "5", f" {2029 - row}", "", "0.26")
        lines.append(",".join((str(row + 1), str(row % 2), *later, *cells.values())))
    (root / "support2.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root
