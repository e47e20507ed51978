"""Stacking around any network method: ensemble members and linear models, weighed by held-out samples."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, cast

from pydantic import Field

from redcore._discovery import load
from redcore._settings import MethodSettings
from redcore.exceptions import SettingsError
from redcore.fitting import TrainableNetwork, TrainingSettings
from redcore.methods._base import ModalityForm, NetworkMethod, StackedEnsemble, StackingSettings

__all__ = ["METHOD", "Stacked", "StackedSettings"]

SOURCE = (
    "Wolpert (1992), Stacked generalization, Neural Networks 5(2), with five non-negative weights; Breiman (1996), "
    "Stacked regressions, Machine Learning 24(1)"
)


def base_class(name: str) -> type[NetworkMethod]:
    """Return the class of the network method `name`.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    SettingsError
        If it is not a network method, or is `stacked` itself.
    """
    found = load("redcore.methods", name, "method").METHOD
    if not issubclass(found, NetworkMethod) or issubclass(found, Stacked):
        raise SettingsError(f"method {name!r} cannot be stacked: expected a method that is one network")
    return cast(type[NetworkMethod], found)


class StackedSettings(StackingSettings):
    """Settings of `StackingSettings`, and of the network method that is stacked.

    Attributes
    ----------
    base : str, default "redcore"
        Name of the network method.
    base_settings : mapping, default {}
        Settings of that method that differ from its defaults. `parse` also takes them beside the settings of the stack:
        ``{"base": "zero_fill", "latent_dim": 32}``.
    """

    base: str = "redcore"
    base_settings: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> Self:
        """Validate `values`; settings that the stack does not have belong to the base method."""
        own = {key: value for key, value in values.items() if key in cls.model_fields}
        others = {key: value for key, value in values.items() if key not in cls.model_fields}
        if others:
            own["base_settings"] = {**own.get("base_settings", {}), **others}
        settings = super().checked(own)
        # in the form in which they are saved, so that equal settings are equal objects
        parsed = settings.base_method_settings().dump()
        return settings.model_copy(update={"base_settings": {name: parsed[name] for name in settings.base_settings}})

    def base_method_settings(self) -> TrainingSettings:
        """Return the settings of the base method.

        Raises
        ------
        UnknownNameError, SettingsError
            If the base method does not exist, cannot be stacked, or does not take `base_settings`.
        """
        own = StackingSettings.model_fields
        if twice := sorted(own.keys() & self.base_settings.keys()):
            raise SettingsError(f"base_settings holds {', '.join(twice)}: set this beside base_settings, not inside")
        settings_class = base_class(self.base).Settings
        shared = {name: getattr(self, name) for name in own if name in settings_class.model_fields}
        return cast(TrainingSettings, settings_class.parse({**shared, **self.base_settings}))


class Stacked(StackedEnsemble):
    """Members of a network method, stacked with linear models of the modalities.

    Around ``redcore`` it predicts what the method ``redcore`` predicts with its default settings; around a baseline it
    gives the baseline the same aids. A network without unimodal heads is stacked without that source.

    Parameters
    ----------
    settings : StackedSettings, optional
    **options
        Options of the base method, such as ``encoders``.

    Examples
    --------
    >>> from redcore.methods import make_method
    >>> make_method("stacked", settings={"base": "zero_fill", "latent_dim": 32}).base.settings.latent_dim
    32
    """

    Settings: ClassVar[type[MethodSettings]] = StackedSettings

    def __init__(self, settings: MethodSettings | None = None, **options: Any) -> None:
        super().__init__(settings)
        chosen = cast(StackedSettings, self.settings)
        self.base = base_class(chosen.base)(chosen.base_method_settings(), **options)

    @property
    def training(self) -> TrainingSettings:
        """Settings of the training of the base method."""
        return self.base.training

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build a network of the base method; see `NetworkMethod.build_network`."""
        self.base.schema, self.base.active = self.schema, self.active
        return self.base.build_network(forms, n_outputs, n_samples)


METHOD = Stacked
