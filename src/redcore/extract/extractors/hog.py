"""Image or video: histograms of oriented gradients of the picture, or of each frame."""

from typing import Annotated

import numpy as np
from pydantic import Field

from redcore._types import AnyArray
from redcore.exceptions import SettingsError
from redcore.extract._images import resized
from redcore.extract._pictures import PictureExtractor, PictureOptions

__all__ = ["EXTRACTOR", "HogOptions"]


class HogOptions(PictureOptions):
    """Options of histograms of oriented gradients, in addition to those of all pictures.

    Attributes
    ----------
    size : int in [16, 1024], default 64
        Side in pixels to which pictures are stretched.
    cell : int in [4, 256], default 8
        Side of a cell in pixels. Blocks of 2 x 2 cells are normalised.
    orientations : int in [2, 36], default 9
    """

    size: Annotated[int, Field(ge=16, le=1024)] = 64
    cell: Annotated[int, Field(ge=4, le=256)] = 8
    orientations: Annotated[int, Field(ge=2, le=36)] = 9


class Hog(PictureExtractor):
    """Histograms of oriented gradients (Dalal and Triggs, 2005) of scikit-image."""

    Options = HogOptions

    def __init__(self, medium: str, options: HogOptions) -> None:
        super().__init__(medium, options)
        if options.size < 2 * options.cell:
            raise SettingsError(f"size {options.size} and cell {options.cell}: expected at least 2 cells per side")

    def extract_picture(self, picture: AnyArray) -> AnyArray:
        """Return the histograms of one picture, float32 (n_features,)."""
        from skimage.feature import hog

        cell = (self.options.cell, self.options.cell)
        histograms: AnyArray = hog(
            resized(picture, self.options.size),
            orientations=self.options.orientations,
            pixels_per_cell=cell,
            cells_per_block=(2, 2),
            channel_axis=-1,
        )
        return histograms.astype(np.float32)


EXTRACTOR = Hog
