"""Options and request of a run."""

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from redcore import _defaults
from redcore._settings import NamedPlugIn, NamedPlugIns, Settings
from redcore._validation import check_known, check_missing_rates
from redcore.data import MultimodalData

__all__ = ["Request", "RunOptions"]


class RunOptions(Settings):
    """Options of a run: method, amputation of the training data, test split and seed.

    Attributes
    ----------
    method : str or class, optional
        Name, dotted name or class; a class is stored by its dotted name. Default: the method of the preset; without a
        preset, "stacked".
    preset : str, optional
        Preset, or path of a preset file, whose settings replace the defaults of the method.
    settings : dict
        Settings of the method that replace those of the preset. The request records an encoder by its name, so that
        objects among ``encoders`` must be classes or functions that can be imported.
    protocol : str, class or function, default "imbalanced"
        Missing protocol that hides modalities in the training and validation samples.
    missing_rates : dict of str to float
        Rate of the protocol per modality, in [0, 1]. Modalities without a rate get 0.
    protocol_options : dict of str to str
    allow_empty : bool, default False
        If True, the protocol may hide all modalities of a sample.
    test_fraction : float, default 0.2
        Fraction of the training samples (or groups) to hold out, if the data has no test split.
    threshold : str, optional
        Probability from which the rare class of a binary target is predicted. A number in [0, 1]; "f1" for the
        threshold with the best F1 on the validation split; or "cost=N" for the one with the lowest cost, if a missed
        sample of the rare class costs as much as N false alarms. Default: the decision rule of the method.
    cv : int, optional
        Number of cross-validation folds that give the scores. The model of the run is then fitted to all samples, and
        the data must have no test split.
    seed : int, default 0
        Seed of the test split or the folds, the protocol and the fit.

    Examples
    --------
    >>> RunOptions(method="late_fusion", missing_rates={"audio": 0.5}).seed
    0
    """

    method: NamedPlugIn | None = None
    preset: str | None = None
    settings: NamedPlugIns = Field(default_factory=dict)
    protocol: NamedPlugIn = _defaults.PROTOCOL
    missing_rates: dict[str, float] = Field(default_factory=dict)
    protocol_options: dict[str, str] = Field(default_factory=dict)
    allow_empty: bool = False
    test_fraction: float = _defaults.TEST_FRACTION
    threshold: str | None = None
    cv: int | None = Field(default=None, ge=2)
    seed: int = _defaults.SEED

    @model_validator(mode="after")
    def _one_estimate(self) -> Self:
        if self.cv is not None and self.test_fraction != _defaults.TEST_FRACTION:
            raise ValueError("cv and test_fraction exclude each other: with cv, no test split is held out")
        return self

    @field_validator("settings")
    @classmethod
    def _by_name(cls, settings: dict[str, Any]) -> dict[str, Any]:
        encoders = settings.get("encoders", {})
        if all(isinstance(encoder, str) for encoder in encoders.values()):
            return settings
        from redcore.methods import importable_encoders

        return {**settings, "encoders": importable_encoders(encoders)}

    def request(self, data: MultimodalData, name: str, reader: dict[str, Any] | None = None) -> "Request":
        """Return the request of a run with these options on `data`, with the method and all missing rates filled in.

        Parameters
        ----------
        data : MultimodalData
        name : str
            Name of the data, such as its path.
        reader : dict, optional
            Format of the file and options to read it.

        Raises
        ------
        UnknownNameError
            If a missing rate is given for a modality that `data` does not have.
        MissingRateError
            If a missing rate is not in [0, 1].
        """
        from redcore.methods import method_name

        check_known("modality", self.missing_rates, data.names)
        rates = check_missing_rates({**dict.fromkeys(data.names, 0.0), **self.missing_rates})
        method = method_name(self.method, self.preset)
        options = {**self.model_dump(), "method": method, "missing_rates": rates}
        return Request(data=name, data_checksum=data.checksum(), reader=reader, **options)


class Request(RunOptions):
    """Options of a run together with its data, stored as ``request.json``. Runs with equal requests are equal.

    Attributes
    ----------
    data : str
        Name of the data, such as its path.
    data_checksum : str
        Checksum of all values and labels; see `MultimodalData.checksum`.
    method : str
        Name of the method, also if it follows from the preset.
    reader : dict or None
        ``format`` and ``options`` with which the file was read; see `redcore.data.formats.source_options`. None for
        data in memory and bundled data sets.
    """

    data: str
    data_checksum: str
    method: NamedPlugIn = _defaults.METHOD
    reader: dict[str, Any] | None = None

    def used(self) -> list[tuple[str, str]]:
        """Return package and name of the missing protocol, and of the data set or the format of the data."""
        source = ("redcore.datasets", self.data)
        if self.reader is not None:
            source = ("redcore.data.formats", self.reader["format"])
        return [("redcore.missing", self.protocol), source]
