"""CSV table with its YAML file."""

import csv
from pathlib import Path


def write_sample(folder: Path) -> Path:
    """Write a CSV of six samples with its YAML file."""
    path = folder / "sample.csv"
    path.write_text(
        "patient,lab_1,lab_2,ecg_1,outcome,ward,part\n"
        "p1,0.5,1.5,,well,a,train\np2,,,2.5,ill,a,train\np3,1.0,-2.0,0.25,ill,b,train\n"
        'p4,3.0,1e-3,,well,b,validation\n"p,5",,,1.0,well,c,test\np6,2.0,2.0,2.0,ill,c,test\n',
        encoding="utf-8",
    )
    path.with_suffix(".yaml").write_text(
        'modalities:\n  lab: ["lab_*"]\n  ecg: ecg_1\ntarget: outcome\nid: patient\ngroup: ward\nsplit: part\n',
        encoding="utf-8",
    )
    return path


def remove_labels(path: Path) -> None:
    """Remove the column of the target."""
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    column = rows[0].index("outcome")
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(row[:column] + row[column + 1 :] for row in rows)
