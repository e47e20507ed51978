"""Base class of the extractors of images and video frames."""

from abc import abstractmethod
from typing import Annotated

import numpy as np
from pydantic import Field

from redcore._settings import Settings
from redcore._types import AnyArray
from redcore.extract._extractor import Extractor, Features
from redcore.extract._images import pictures
from redcore.extract._source import Source

__all__ = ["PictureExtractor", "PictureOptions"]


class PictureOptions(Settings):
    """Options of all extractors of pictures.

    Attributes
    ----------
    fps : float in (0, 240], default 2
        Frames per second that are taken from a video.
    faces : bool, default False
        If True, pictures are cropped to their largest frontal face, and frames without a face are left out.
    """

    fps: Annotated[float, Field(gt=0, le=240)] = 2.0
    faces: bool = False


class PictureExtractor(Extractor):
    """Base class: features of an image, or of each frame of a video. Subclasses implement `extract_picture`."""

    media = ("image", "video")
    packages = ("scikit-image", "pillow", "av")
    imports = ("PIL.Image", "skimage.color", "skimage.feature", "av")
    Options = PictureOptions

    @property
    def sampling_rate(self) -> float | None:
        """Frames per second of a video."""
        return float(self.options.fps) if self.medium == "video" else None

    @property
    def alignment(self) -> str:
        """Relation of the features to time."""
        crop = ", cropped to the largest face" if self.options.faces else ""
        return ("one vector per frame" if self.medium == "video" else "one vector per recording") + crop

    @abstractmethod
    def extract_picture(self, picture: AnyArray) -> AnyArray:
        """Return the features of one picture, uint8 (height, width, 3) in RGB."""

    def extract(self, source: Source) -> Features:
        """Return the features of an image, (n_features,), or of a video, (n_frames, n_features)."""
        rows = [
            self.extract_picture(picture)
            for picture in pictures(source, self.medium, self.options.fps, self.options.faces)
        ]
        return Features(np.stack(rows) if self.medium == "video" else rows[0])
