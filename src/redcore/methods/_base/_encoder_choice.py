"""Choice of the encoder of one modality, by name or as an object."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field
from torch import nn

from redcore._discovery import check_name, dotted_name
from redcore._settings import Settings
from redcore.exceptions import EncoderError, PlugInError, RedCoreError
from redcore.nn import ModalityEncoder, ModalityForm
from redcore.nn.encoders import EncoderSpec, build_encoder, built, encoder_width
from redcore.preprocessing import Kind

__all__ = ["EncoderChoice", "EncoderChoices", "importable_encoders", "with_encoders"]

NOT_IMPORTABLE = "(...)"
"""End of the recorded name of an object that cannot be built from its name."""


class EncoderChoice(Settings):
    """Encoder of one modality.

    A choice is given as a name, as an object, or as a mapping with the attributes below, in which `name` may be an
    object. As text, attributes follow the name: ``"lstm,width=32,frozen=true"``. Objects are:

    - a subclass of `torch.nn.Module`, or a function that returns a module. It is called with those of the arguments
      ``n_features``, ``n_steps``, ``shape`` and ``n_tokens`` (see `redcore.nn.ModalityForm`), ``width`` and ``spec``
      (see `redcore.nn.encoders.EncoderSpec`) that it accepts;
    - a module. Each network gets a copy of it, with its weights as the starting point.

    The module is called as described in `redcore.nn.encoders`.

    Attributes
    ----------
    name : str, default "auto"
        Name of an encoder ('redcore list encoders'), or a dotted name such as ``"package.module:MyEncoder"``. A model
        file records it, with the weights. An object that has no such name is recorded with the ending ``(...)``, and
        must be passed again to `redcore.load_model`.
    width : int >= 1, optional
        Width of the encoder. Default: `latent_dim` of the method. A linear layer follows if the widths differ.
    frozen : bool, default False
        If True, the encoder keeps its initial weights and is always in evaluation mode.
    lr : float in (0, 10], optional
        Learning rate of the encoder, with the same schedule. Default: `learning_rate` of the method.
    preprocessing : {"auto", "standardize", "log1p", "quantile", "identity"}, optional
        Preprocessing of the features of this modality. Default: that of the method. "identity" passes the values on
        unchanged and without a bound.
    factory : object, optional
        Object that builds the encoder, if it is not built by name. It is not saved.
    """

    name: str = "auto"
    width: Annotated[int, Field(ge=1, le=8192)] | None = None
    frozen: bool = False
    lr: Annotated[float, Field(gt=0, le=10)] | None = None
    preprocessing: Kind | None = None
    factory: Any = Field(default=None, exclude=True, repr=False)

    def build(self, form: ModalityForm, spec: EncoderSpec) -> ModalityEncoder:
        """Build the encoder of a modality, and check its output on two samples of zeros.

        Parameters
        ----------
        form : ModalityForm
        spec : EncoderSpec
            Sizes and dropout rates. Its width is replaced by that of the choice, if there is one.

        Raises
        ------
        EncoderError
            If the encoder cannot be imported, needs other arguments, or is not a module that returns (n, width). The
            message names the modality.
        """
        spec = spec if self.width is None else replace(spec, width=self.width)
        try:
            module = self._module(form, spec)
        except PlugInError as error:
            raise EncoderError(f"modality {form.name!r}: {error}") from error
        try:
            width = encoder_width(module, form)
        except Exception as error:
            reason = next(iter(str(error).splitlines()), "")
            values, lengths = form.zeros(n_samples=2)
            inputs = f"values {tuple(values.shape)}"
            inputs += "" if lengths is None else f" and lengths {tuple(lengths.shape)}"
            raise EncoderError(
                f"modality {form.name!r}: encoder {self.name!r} cannot encode two samples of zeros, {inputs} "
                f"({type(error).__name__}: {reason})"
            ) from error
        return ModalityEncoder(form, module, width, self.frozen, self.lr)

    def _module(self, form: ModalityForm, spec: EncoderSpec) -> nn.Module:
        if self.factory is not None:
            return built(self.factory, f"encoder {self.name!r}", form.n_features, form.n_steps, spec)
        if self.name.endswith(NOT_IMPORTABLE):
            raise EncoderError(
                f"encoder {self.name!r} was passed as an object, which is not saved; pass it again: "
                f"encoders={{{form.name!r}: ...}}"
            )
        return build_encoder(self.name, form.n_features, form.n_steps, spec)


def _recorded_name(plug_in: Any) -> str:
    """Return the dotted name of a class or function, or a description that ends in `NOT_IMPORTABLE`."""
    if not isinstance(plug_in, nn.Module):
        try:
            return dotted_name(plug_in)
        except PlugInError:
            pass
    described = plug_in if hasattr(plug_in, "__qualname__") else type(plug_in)
    return f"{described.__module__}:{described.__qualname__}{NOT_IMPORTABLE}"


def _fields(value: Any) -> Any:
    """Return a choice as a mapping of its attributes; see `EncoderChoice` for the forms of a choice."""
    if isinstance(value, str):
        name, *pairs = (part.strip() for part in value.split(","))
        fields = dict(pair.partition("=")[::2] for pair in pairs if pair)
        return {"name": name, **{key.strip(): text.strip() for key, text in fields.items()}}
    if isinstance(value, EncoderChoice):
        return {**value.model_dump(), "factory": value.factory}
    if not isinstance(value, Mapping):
        value = {"name": value}
    plug_in = value.get("name", "auto")
    if isinstance(plug_in, str):
        return {**value, "name": plug_in}
    if not isinstance(plug_in, nn.Module) and not callable(plug_in):
        raise ValueError(f"expected a name, a module, a class or a function, got {type(plug_in).__name__}")
    return {**value, "name": _recorded_name(plug_in), "factory": plug_in}


def _choice(value: Any) -> Any:
    if isinstance(value, EncoderChoice):
        return value
    fields = _fields(value)
    try:
        choice = EncoderChoice.checked(fields)
        # a dotted name is imported when the encoder is built, so that a model can be loaded with an object instead
        if choice.factory is None and choice.name != "auto" and ":" not in choice.name:
            check_name("redcore.nn.encoders", choice.name, "encoder")
    except RedCoreError as error:
        raise ValueError(str(error)) from None
    return choice


EncoderChoices: TypeAlias = dict[str, Annotated[EncoderChoice, BeforeValidator(_choice)]]
"""Encoder by modality."""


def with_encoders(settings: Mapping[str, Any], encoders: Mapping[str, Any]) -> dict[str, Any]:
    """Return the saved settings of a method with other encoder objects; their saved attributes stay.

    Parameters
    ----------
    settings : mapping
        Result of `Settings.dump`; those of a base method are in ``base_settings``.
    encoders : mapping of str to object
        By modality; see `EncoderChoice`.
    """
    if not encoders:
        return dict(settings)
    if "base_settings" in settings:
        return {**settings, "base_settings": with_encoders(settings["base_settings"], encoders)}
    saved: Mapping[str, Any] = settings.get("encoders", {})
    changed = {name: {**saved.get(name, {}), **_fields(value)} for name, value in encoders.items()}
    return {**settings, "encoders": {**saved, **changed}}


def importable_encoders(encoders: Mapping[str, Any]) -> dict[str, Any]:
    """Return encoders by modality as JSON-serialisable mappings, with dotted names in place of classes and functions.

    Raises
    ------
    EncoderError
        If an encoder is an object that cannot be imported by name.
    """
    fields = {modality: _fields(value) for modality, value in encoders.items()}
    for modality, own in fields.items():
        if str(own["name"]).endswith(NOT_IMPORTABLE):
            raise EncoderError(
                f"modality {modality!r}: encoder {own['name']!r} is an object; expected a name, or a class or function "
                "at the top level of a module, which a run can record by name"
            )
    return {modality: {key: own[key] for key in own if key != "factory"} for modality, own in fields.items()}
