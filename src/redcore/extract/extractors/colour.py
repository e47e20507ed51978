"""Image or video: colour histograms of the picture, or of each frame."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from redcore._types import AnyArray
from redcore.extract._pictures import PictureExtractor, PictureOptions

__all__ = ["EXTRACTOR", "ColourOptions"]

CHANNELS = {"rgb": ("red", "green", "blue"), "hsv": ("hue", "saturation", "value")}


class ColourOptions(PictureOptions):
    """Options of colour histograms, in addition to those of all pictures.

    Attributes
    ----------
    space : {"hsv", "rgb"}, default "hsv"
        Colour space.
    bins : int in [2, 256], default 16
        Number of bins of each channel.
    """

    space: Literal["hsv", "rgb"] = "hsv"
    bins: Annotated[int, Field(ge=2, le=256)] = 16


class Colour(PictureExtractor):
    """Share of the pixels in each bin of each channel. The shares of a channel sum to 1."""

    Options = ColourOptions

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of channels and bins."""
        return tuple(
            f"{name}_{index + 1}" for name in CHANNELS[self.options.space] for index in range(self.options.bins)
        )

    def extract_picture(self, picture: AnyArray) -> AnyArray:
        """Return the histograms of one picture, float32 (3 * bins,)."""
        from skimage.color import rgb2hsv

        pixels = (rgb2hsv(picture) if self.options.space == "hsv" else picture / 255.0).reshape(-1, 3)
        counts = [np.histogram(channel, self.options.bins, (0.0, 1.0))[0] for channel in pixels.T]
        return np.concatenate(counts).astype(np.float32) / len(pixels)


EXTRACTOR = Colour
