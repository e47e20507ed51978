"""Base classes of methods: `Method`, and its subclasses for networks and for models of one feature table."""

from redcore._settings import MethodSettings
from redcore.methods._base._code_settings import CodeSettings, FusionSettings
from redcore.methods._base._cox import CoxSettings, CoxTableMethod, fit_cox
from redcore.methods._base._encoder_choice import EncoderChoice, importable_encoders, with_encoders
from redcore.methods._base._latent_codes import LatentCodes
from redcore.methods._base._method import Method
from redcore.methods._base._network_method import NetworkEnsemble, NetworkMethod, state_arrays
from redcore.methods._base._part import PartOfMethod
from redcore.methods._base._pretrained_method import PretrainedSettings, PretrainedTableMethod
from redcore.methods._base._stack_decision import DecidedByStack
from redcore.methods._base._survival_table import SurvivalTableMethod, baseline_hazards, structured
from redcore.methods._base._table_method import (
    LinearTableMethod,
    TableMethod,
    block_starts,
    with_missing_indicators,
)
from redcore.methods._base._temperature import Temperature
from redcore.methods._base._trees import joined_trees, leaves, sum_of_trees
from redcore.nn import ModalityForm

__all__ = [
    "CodeSettings",
    "CoxSettings",
    "CoxTableMethod",
    "DecidedByStack",
    "EncoderChoice",
    "FusionSettings",
    "LatentCodes",
    "LinearTableMethod",
    "Method",
    "MethodSettings",
    "ModalityForm",
    "NetworkEnsemble",
    "NetworkMethod",
    "PartOfMethod",
    "PretrainedSettings",
    "PretrainedTableMethod",
    "SurvivalTableMethod",
    "TableMethod",
    "Temperature",
    "baseline_hazards",
    "block_starts",
    "fit_cox",
    "importable_encoders",
    "joined_trees",
    "leaves",
    "state_arrays",
    "structured",
    "sum_of_trees",
    "with_encoders",
    "with_missing_indicators",
]
