"""Audio: root mean square of the samples."""

import numpy as np

from redcore.extract import Extractor, Features
from redcore.extract._av import read_audio


class Loudness(Extractor):
    media = ("audio",)
    packages = ("av",)
    alignment = "one vector per recording"

    def extract(self, source):
        samples = read_audio(source, 16_000)
        return Features(np.sqrt(np.mean(np.square(samples), keepdims=True)))


EXTRACTOR = Loudness
