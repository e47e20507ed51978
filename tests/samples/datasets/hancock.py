"""HANCOCK."""

from pathlib import Path

import numpy as np

from redcore.datasets.hancock import STAINS

IDS = [f"{number:03d}" for number in range(1, 9)]
HEADERS = {
    "clinical.csv": ("sex", "primarily_metastasis", "smoking_status", "age_at_initial_diagnosis"),
    "pathological.csv": ("grading", "pT_stage", "infiltration_depth_in_mm"),
    "blood.csv": ("Leukocytes [#/volume] in Blood", "Hemoglobin [Mass/volume] in Blood"),
    "icd_codes.csv": ("c020", "c099"),
    "tma_cell_density.csv": ("cd3_z", "cd3_inv", "cd8_z", "cd8_inv"),
}
LABELS = "recurrence,days_to_recurrence,survival_status,survival_status_with_cause,days_to_last_information,rfs_event"


def write_sample(root: Path) -> Path:
    """Write eight patients with random features in the form of the public files, and return `root`.

    The second patient has no blood values, and the third no CD3 image.
    """
    generator = np.random.default_rng(0)
    for file, columns in HEADERS.items():
        lines = [",".join(("patient_id", *columns))]
        for identifier in IDS:
            if (file, identifier) != ("blood.csv", "002"):
                lines.append(",".join((identifier, *(f"{value:.4f}" for value in generator.random(len(columns))))))
        (root / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for stain in STAINS:
        ids = [identifier for identifier in IDS if (stain, identifier) != ("CD3", "003")]
        arrays = {identifier: generator.random(512, dtype=np.float32) for identifier in ids}
        np.savez(root / f"tma_tile_dtr_256_{stain}.npz", **arrays)
    lines = [f"patient_id,{LABELS},days_to_rfs_event"]
    for row, identifier in enumerate(IDS):
        recurrence = ("yes", "350.0") if row % 4 == 1 else ("no", "")
        status = ("deceased", "deceased not tumor specific") if row % 3 == 0 else ("living", "living")
        lines.append(",".join((identifier, *recurrence, *status, str(500 + 100 * row), str(row % 2), "400")))
    (root / "targets.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root
