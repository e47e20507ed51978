"""CSV table with its YAML file."""

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
