"""Features of raw recordings: audio, images, sensors, texts and videos in a folder become a store.

The package ``extractors`` has one extractor per module. A module defines ``EXTRACTOR``, a subclass of `Extractor`. The
first line of its docstring names the media, and `redcore list extractors` shows it. A subclass defines

- ``media``: the media that it accepts, of ``MEDIA``;
- ``packages``: the packages that compute the features, whose versions are recorded. They are imported inside the
  methods;
- ``Options``: a subclass of `redcore._settings.Settings`, with the options and their bounds;
- ``alignment``: the relation of the features to time; and ``sampling_rate``, ``feature_names`` and ``model_sha256`` if
  they apply;
- ``extract(source) -> Features``: the features of one recording. An error of the recording is a `DataError`;
- only with ``needs_fit = True``: ``fit`` and ``finish``, a second step whose arrays are fitted to the training samples.
"""

from redcore.extract._extract import ExtractReport, extract
from redcore.extract._extractor import Extractor, Features
from redcore.extract._isolated import Bounds, IsolatedExtraction
from redcore.extract._labels import Labels
from redcore.extract._recipe import Recipe, copy_recipes, load_recipes
from redcore.extract._scan import Recordings, scan
from redcore.extract._source import MEDIA, Source

__all__ = [
    "MEDIA",
    "Bounds",
    "ExtractReport",
    "Extractor",
    "Features",
    "IsolatedExtraction",
    "Labels",
    "Recipe",
    "Recordings",
    "Source",
    "copy_recipes",
    "extract",
    "load_recipes",
    "scan",
]
