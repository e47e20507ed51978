"""HANCOCK, patients with head-and-neck cancer: tables, codes and tissue images with missing modalities (public)."""

from pathlib import Path

from redcore.data import MultimodalData
from redcore.datasets import Card
from redcore.exceptions import DataError

__all__ = ["CARD", "STAINS", "TABLES", "load"]

CARD = Card(
    title="HANCOCK: 763 patients with head-and-neck cancer; tables, blood values, codes, tissue images",
    source="Dörrich et al. (2025), A multimodal dataset for precision oncology in head and neck cancer, Nature "
    "Communications; features of github.com/ankilab/HANCOCK_MultimodalDataset",
    licence="Apache-2.0",
    target="binary: survival status (living, deceased) or recurrence (no, yes); or survival: days to death",
    public=True,
)
TABLES = {
    "blood": "blood.csv",
    "clinical": "clinical.csv",
    "density": "tma_cell_density.csv",
    "icd": "icd_codes.csv",
    "pathological": "pathological.csv",
}
"""Files of the modalities with one row per patient."""
STAINS = ("CD163", "CD3", "CD56", "CD68", "CD8", "HE", "MHC1", "PDL1")
"""Stains of the tissue microarrays; each is a modality with 512 image features."""
CLASSES = ("survival_status", "recurrence")


def load(root: Path, fold: int = 1, endpoint: str = "survival_status") -> MultimodalData:
    """Return the patients with their 13 modalities, joined by patient id, without a split.

    Parameters
    ----------
    root : Path
        Folder with the files of `TABLES`, ``tma_tile_dtr_256_<stain>.npz`` for each of `STAINS`, and ``targets.csv``.
    fold : int, default 1
        Must be 1: the data has no official split.
    endpoint : {"survival_status", "recurrence", "survival"}, default "survival_status"
        The first two are columns of ``targets.csv`` with states at the last visit; patients have different follow-up
        times. "survival" is overall survival: the days from the initial diagnosis to death from any cause, censored at
        the last information.

    Raises
    ------
    DataError
        If the endpoint or the fold does not exist, or if files are absent or damaged.
    """
    if fold != 1:
        raise DataError(f"{root}: fold is {fold}, expected 1; the data has no official split")
    if endpoint not in (*CLASSES, "survival"):
        raise DataError(f"endpoint is {endpoint!r}, expected one of {', '.join(CLASSES)} or survival")
    stains = {stain: f"tma_tile_dtr_256_{stain}.npz" for stain in STAINS}
    sources = {name: root / file for name, file in {**TABLES, **stains}.items()}
    targets = root / "targets.csv"
    if endpoint == "survival":
        of_death = {"target": f"{targets}:days_to_last_information", "event": "survival_status=deceased"}
        return MultimodalData.join(sources, "patient_id", **of_death)
    return MultimodalData.join(sources, "patient_id", target=f"{targets}:{endpoint}", task="classes")
