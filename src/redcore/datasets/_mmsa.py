"""Loading of data sets in the format of the MMSA family."""

from pathlib import Path

from redcore.data import MultimodalData
from redcore.data.formats import mmsa
from redcore.exceptions import DataError

__all__ = ["LICENCE", "load_mmsa"]

LICENCE = "on request from the authors of the corpus, for research; features not redistributable"
FILES = ("unaligned_50.pkl", "Processed/unaligned_50.pkl", "aligned_50.pkl", "Processed/aligned_50.pkl")


def load_mmsa(root: Path, fold: int) -> MultimodalData:
    """Read the file `root`, or the first existing file of `FILES` in the folder `root`, with its official split."""
    if fold != 1:
        raise DataError(f"{root}: fold is {fold}, expected 1, the only official split")
    files = [path for path in (root / file for file in FILES) if path.is_file()]
    if not files and not root.is_file():
        raise DataError(f"{root}: no data file, expected one of {', '.join(FILES)}")
    # like the loader of the authors of the features, which sets -inf in audio to 0
    return mmsa.read(files[0] if files else root, mmsa.Options(nonfinite="zero"))
