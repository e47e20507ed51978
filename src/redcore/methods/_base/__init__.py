"""Base classes of methods: `Method`, and its subclasses for networks and for models of one feature table."""

from redcore._settings import MethodSettings
from redcore.methods._base._code_settings import CodeSettings, FusionSettings
from redcore.methods._base._encoder_choice import EncoderChoice, importable_encoders, with_encoders
from redcore.methods._base._latent_codes import LatentCodes
from redcore.methods._base._method import Method
from redcore.methods._base._network_method import NetworkEnsemble, NetworkMethod, state_arrays
from redcore.methods._base._pretrained_method import PretrainedSettings, PretrainedTableMethod
from redcore.methods._base._table_method import LinearTableMethod, TableMethod
from redcore.methods._base._temperature import Temperature
from redcore.nn import ModalityForm

__all__ = [
    "CodeSettings",
    "EncoderChoice",
    "FusionSettings",
    "LatentCodes",
    "LinearTableMethod",
    "Method",
    "MethodSettings",
    "ModalityForm",
    "NetworkEnsemble",
    "NetworkMethod",
    "PretrainedSettings",
    "PretrainedTableMethod",
    "TableMethod",
    "Temperature",
    "importable_encoders",
    "state_arrays",
    "with_encoders",
]
