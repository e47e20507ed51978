"""PyTorch modules and batches: encoders, Gaussian bottleneck, cross-modal imputers, heads, objectives."""

from redcore.nn._batch import Batch, GlobalCounts, ObservedTensor, batches, collate
from redcore.nn._bottleneck import (
    Gaussian,
    GaussianBottleneck,
    divergences,
    kl_to_standard_normal,
    posterior_sampling,
)
from redcore.nn._cascade import CascadeAutoencoder
from redcore.nn._codes import CodeEncoders, ModalityEncoder
from redcore.nn._dropout import Dropout, drop_modalities
from redcore.nn._factor import FactorImputers
from redcore.nn._form import ModalityForm
from redcore.nn._fusion import AttentionFusion, TokenTransformer
from redcore.nn._heads import Head, StackedHead
from redcore.nn._imputer import ConcatenatingImputers, CrossModalImputer, ImputerSettings, PooledImputers
from redcore.nn._latent import GaussianLatent, Latent, product_of_gaussians
from redcore.nn._merged import (
    MergedBatch,
    MergedBottleneck,
    MergedEncoders,
    can_merge_encoders,
    drop_merged,
    merge_batches,
    merged_losses,
)
from redcore.nn._mixed_objective import MixedObjective, fit_objective, restored_objective
from redcore.nn._objective import Objective, outputs_of
from redcore.nn._operators import count_at_most, inverse, map_steps, normal_quantile, solve_positive, unique_patterns
from redcore.nn._pooling import choose_codes, masked_max, masked_mean, mean_of_modalities, mean_where, step_mask
from redcore.nn._stacked import StackedLinear
from redcore.nn._time_statistics import LONG_STEPS, WINDOWS, time_statistics
from redcore.nn._tracing import is_traced

__all__ = [
    "LONG_STEPS",
    "WINDOWS",
    "AttentionFusion",
    "Batch",
    "CascadeAutoencoder",
    "CodeEncoders",
    "ConcatenatingImputers",
    "CrossModalImputer",
    "Dropout",
    "FactorImputers",
    "Gaussian",
    "GaussianBottleneck",
    "GaussianLatent",
    "GlobalCounts",
    "Head",
    "ImputerSettings",
    "Latent",
    "MergedBatch",
    "MergedBottleneck",
    "MergedEncoders",
    "MixedObjective",
    "ModalityEncoder",
    "ModalityForm",
    "Objective",
    "ObservedTensor",
    "PooledImputers",
    "StackedHead",
    "StackedLinear",
    "TokenTransformer",
    "batches",
    "can_merge_encoders",
    "choose_codes",
    "collate",
    "count_at_most",
    "divergences",
    "drop_merged",
    "drop_modalities",
    "fit_objective",
    "inverse",
    "is_traced",
    "kl_to_standard_normal",
    "map_steps",
    "masked_max",
    "masked_mean",
    "mean_of_modalities",
    "mean_where",
    "merge_batches",
    "merged_losses",
    "normal_quantile",
    "outputs_of",
    "posterior_sampling",
    "product_of_gaussians",
    "restored_objective",
    "solve_positive",
    "step_mask",
    "time_statistics",
    "unique_patterns",
]
