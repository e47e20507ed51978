"""Audio: ComParE 2016 of openSMILE, 6,373 functionals or 65 low-level descriptors."""

from redcore.extract._opensmile import OpenSmileExtractor

__all__ = ["EXTRACTOR"]


class ComParE(OpenSmileExtractor):
    """Feature set of the computational paralinguistics challenge (Schuller et al., 2016)."""

    feature_set = "ComParE_2016"


EXTRACTOR = ComParE
