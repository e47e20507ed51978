"""What the data sets in the form of the MMSA family share: finding the file, and reading it as its authors do."""

from pathlib import Path

from redcore.data import MultimodalData
from redcore.data.formats import mmsa
from redcore.exceptions import DataError

__all__ = ["LICENCE", "load_mmsa"]

LICENCE = "on request from the authors of the corpus, for research; features not redistributable"
FILES = ("unaligned_50.pkl", "Processed/unaligned_50.pkl", "aligned_50.pkl", "Processed/aligned_50.pkl")


def load_mmsa(root: Path, fold: int) -> MultimodalData:
    """Read the file, or the first of `FILES` in a folder, with the one official split."""
    if fold != 1:
        raise DataError(f"{root}: fold is {fold}, expected 1: there is one official split")
    found = [path for path in (root / file for file in FILES) if path.is_file()]
    if not found and not root.is_file():
        raise DataError(f"{root}: holds none of {', '.join(FILES)}")
    # the loader of the features' authors does the same to -inf in audio
    return mmsa.read(found[0] if found else root, mmsa.Options(nonfinite="zero"))
