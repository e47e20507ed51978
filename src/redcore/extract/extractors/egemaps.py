"""Audio: eGeMAPS v02 of openSMILE, 88 functionals or 25 low-level descriptors of voice and spectrum."""

from redcore.extract._opensmile import OpenSmileExtractor

__all__ = ["EXTRACTOR"]


class EGemaps(OpenSmileExtractor):
    """Extended Geneva minimalistic acoustic parameter set (Eyben et al., 2016)."""

    feature_set = "eGeMAPSv02"


EXTRACTOR = EGemaps
