"""Images and video frames as arrays, and face crops."""

from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from redcore._types import AnyArray
from redcore.exceptions import DataError
from redcore.extract._av import video_frames
from redcore.extract._source import Source

__all__ = ["face_crop", "pictures", "resized"]

CASCADE = "data/lbpcascade_frontalface_opencv.xml"
"""OpenCV's cascade of local binary patterns for frontal faces, in the package scikit-image."""
FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
"""Formats of Pillow that are read. Others can start programs, such as Ghostscript for EPS."""
SMALLEST_FACE, LARGEST_SIDE = 24, 480
"""Smallest side of a face, and largest side of the image that is searched, in pixels."""


def pictures(source: Source, medium: str, fps: float, faces: bool) -> Iterator[AnyArray]:
    """Yield the image, or the frames of the video, uint8 (height, width, 3) in RGB.

    Parameters
    ----------
    source : Source
    medium : {"image", "video"}
    fps : float
        Frames per second of a video.
    faces : bool
        If True, each picture is cropped to its largest face. Frames without a face are left out.

    Raises
    ------
    DataError
        If the source is damaged, or if `faces` is True and no picture has a face.
    """
    whole = video_frames(source, fps) if medium == "video" else iter([_read_image(source)])
    if not faces:
        yield from whole
        return
    n_faces = 0
    for picture in whole:
        crop = face_crop(picture)
        if crop is not None:
            n_faces += 1
            yield crop
    if not n_faces:
        raise DataError("no face was found")


def _read_image(source: Source) -> AnyArray:
    """Return an image as uint8 (height, width, 3) in RGB, upright according to its EXIF orientation."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    with source.opened() as stream:
        try:
            image = ImageOps.exif_transpose(Image.open(stream, formats=FORMATS))
            if image.mode.startswith("I;16"):
                # Pillow would clip 16 bits to 8 bits
                image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
            elif image.mode in ("I", "F"):
                raise DataError(f"image has pixels of mode {image.mode!r}, expected 8 or 16 bits per channel")
            return np.asarray(image.convert("RGB"))
        except UnidentifiedImageError:
            raise DataError("not a readable image") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise DataError("the image has too many pixels") from None
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"not a readable image ({error})") from None


def resized(picture: AnyArray, size: int) -> AnyArray:
    """Return a picture stretched to (size, size, 3), uint8, with anti-aliasing."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC))


def face_crop(picture: AnyArray) -> AnyArray | None:
    """Return the largest frontal face of a picture, (side, side, 3); None if no face was found."""
    from PIL import Image

    height, width = picture.shape[:2]
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    small = Image.fromarray(picture).resize((max(1, round(width * scale)), max(1, round(height * scale))))
    if min(small.size) < SMALLEST_FACE:
        return None
    boxes = _cascade().detect_multi_scale(
        img=np.asarray(small),
        scale_factor=1.2,
        step_ratio=1,
        min_size=(SMALLEST_FACE, SMALLEST_FACE),
        max_size=(min(small.size), min(small.size)),
    )
    if not boxes:
        return None
    box = max(boxes, key=lambda one: (one["width"], -one["r"], -one["c"]))
    top, left, side = (round(box[key] / scale) for key in ("r", "c", "width"))
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


@lru_cache(maxsize=1)
def _cascade() -> Any:
    from skimage.feature import Cascade

    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return Cascade(str(Path(spec.origin).with_name("data") / Path(CASCADE).name))
