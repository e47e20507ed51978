"""Extractor of texts that does what a text says: crash, sleep, exhaust the memory, or fail with a secret."""

import os
import time
from typing import ClassVar

import numpy as np

from redcore._settings import Settings
from redcore.extract import Extractor, Features, Source


class Harmful(Extractor):
    media: ClassVar[tuple[str, ...]] = ("text",)
    Options: ClassVar[type[Settings]] = Settings
    alignment = "one vector per recording"

    def extract(self, source: Source) -> Features:
        text = source.text()
        if text == "crash":
            os.abort()
        if text == "sleep":
            time.sleep(600)
        if text == "memory":
            np.ones(2**28)
        if text == "secret":
            raise RuntimeError("/secret/path")
        return Features(np.array([len(text), 1.0]))
