"""Settings shared by all methods that are trained by gradient descent."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from redcore._settings import MethodSettings, PlugInName, Search
from redcore.data import TargetKind
from redcore.preprocessing import Preprocessing, automatic

if TYPE_CHECKING:
    from redcore.nn.losses import Loss

__all__ = ["TrainingSettings"]


class TrainingSettings(MethodSettings):
    """Optimiser, schedule, model selection and preprocessing of a network.

    Attributes
    ----------
    validation_fraction : float in [0, 0.9], default 0.15
        Share of the training samples (or groups) that is held out to select the epoch if no validation set is passed.
        0 trains on all samples and keeps the last epoch.
    validation_patterns : int in [1, 64], default 4
        Number of copies of each validation sample: the sample itself, and copies in which a random subset of its
        observed modalities is hidden. 1 validates on the missing patterns of the validation set only.
    selection : {"loss", "score"}, default "loss"
        Criterion on the validation set that selects the epoch: lowest loss, or highest macro-F1 (R2 for regression). An
        undefined score, as macro-F1 of a single class, is replaced by the loss.
    weight_averaging : float in [0, 1], default 0.25
        Share of the latest optimiser steps over which the weights are averaged (see `WeightAverage`). The averaged
        weights are validated and kept. 0 keeps the weights of a single step.
    patience : int >= 1 or None, default 6
        Number of epochs without improvement on the validation set after which training stops (early stopping); None
        disables early stopping.
    max_epochs : int >= 1, default 200
    max_steps : int >= 1 or None, default 8000
        Maximum number of optimiser steps. Training ends at `max_epochs` or `max_steps`, whichever is reached first.
    batch_size : int >= 1 or None, default None
        Samples per optimiser step; None stands for 1/16 of the training samples, at least 16 and at most 256.
    learning_rate : float in (0, 10], default 1e-3
    schedule : {"constant", "linear", "cosine"}, default "cosine"
        "linear": constant, then a linear decay per epoch over the last `decay_fraction` of the epochs; "cosine":
        cosine decay to zero over all steps.
    decay_fraction : float in [0, 1], default 0.5
    optimizer : {"adamw", "nadam", "radam", "sgd"}, default "adamw"
        Optimiser of torch. "sgd" has the Nesterov momentum `adam_beta1`.
    weight_decay : float in [0, 10], default 1e-2
        Decoupled, as in AdamW; for "sgd" the weight of the L2 penalty.
    adam_beta1, adam_beta2 : float in [0, 1), default 0.9 and 0.999
    adam_epsilon : float in (0, 1], default 1e-8
    gradient_clip : float > 0 or None, default 1.0
        Maximum L2 norm of the gradient; None disables clipping.
    regression_loss : {"squared", "absolute"}, default "squared"
        Squared or absolute error of the target, standardised to mean 0 and variance 1.
    loss : str, class or function, default "auto"
        Loss of the predictions: a name, see 'redcore list losses', or a function, see `redcore.nn.losses`. "auto":
        cross-entropy for classes and labels, `regression_loss` for a continuous target. It also selects the epoch.
    target_weights : mapping of str to float > 0, default {}
        Weights of the losses of several targets by name; 1 for targets without an entry. The loss of each target is
        first divided by that of a constant prediction.
    label_smoothing : float in [0, 1), default 0
        Share of the target distribution of the cross-entropy that is spread evenly over the classes.
    focal_gamma : float >= 0, default 2
        Exponent of the loss "focal".
    huber_delta : float > 0, default 1
        Error, in standard deviations of the target, from which the loss "huber" is linear.
    preprocessing : mapping of str to {"auto", "standardize", "log1p", "quantile", "identity"}, default {"*": "auto"}
        Transformation of the features of each modality, with statistics of the observed training samples.
        "standardize" scales to mean 0 and variance 1; "log1p" does so after ``sign(x) log(1 + |x|)``; "quantile" maps
        the distribution to a normal one; "identity" leaves features unchanged. "auto" applies "quantile" to features
        with an absolute skewness above 1 and "standardize" to the others. The key ``"*"`` applies to all modalities
        that are not named. As text: ``"quantile"``, or ``"audio=log1p,text=identity"``.
    input_clip : float > 0, default 20
        Bound on the absolute value of features after preprocessing, which protects the network from overflow.
    accelerator : {"cpu", "cuda", "mps", "auto"}, default "cpu"
    device_index : int >= 0 or None, default None
        Number of the accelerator of this machine, for a fit in one process. None: the first one.
    precision : {"32-true", "bf16-mixed"}, default "32-true"
    n_threads : int >= 1 or None, default None
        Threads of a fit on the CPU. None uses one thread if all modalities are vectors: more threads do not speed up
        such small networks, and the result does not depend on the number of cores. If a modality is a sequence, None
        uses the number of threads that torch is set to.
    window_megabytes : int >= 1, default 256
        For data in a store: size of the windows that are read into memory and shuffled. Two windows are in memory,
        since the next one is read in advance.
    checkpoint_seconds : float >= 0, default 5
        Minimum time between two checkpoints, if a checkpoint file is set.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "learning_rate": Search(1e-4, 1e-2, log=True),
        "weight_decay": Search(1e-4, 1e-1, log=True),
        "preprocessing": Search(choices=("auto", "standardize", "quantile")),
    }

    validation_fraction: Annotated[float, Field(ge=0, le=0.9)] = 0.15
    validation_patterns: Annotated[int, Field(ge=1, le=64)] = 4
    selection: Literal["loss", "score"] = "loss"
    weight_averaging: Annotated[float, Field(ge=0, le=1)] = 0.25
    patience: Annotated[int, Field(ge=1)] | None = 6
    max_epochs: Annotated[int, Field(ge=1)] = 200
    max_steps: Annotated[int, Field(ge=1)] | None = 8000
    batch_size: Annotated[int, Field(ge=1)] | None = None
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    decay_fraction: Annotated[float, Field(ge=0, le=1)] = 0.5
    optimizer: Literal["adamw", "nadam", "radam", "sgd"] = "adamw"
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 1e-2
    adam_beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    adam_beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    adam_epsilon: Annotated[float, Field(gt=0, le=1)] = 1e-8
    gradient_clip: Annotated[float, Field(gt=0)] | None = 1.0
    regression_loss: Literal["squared", "absolute"] = "squared"
    loss: Annotated[str, PlugInName("redcore.nn.losses", "loss", ("auto",))] = "auto"
    target_weights: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0
    huber_delta: Annotated[float, Field(gt=0)] = 1.0
    preprocessing: Preprocessing = Field(default_factory=automatic)
    input_clip: Annotated[float, Field(gt=0)] = 20.0
    accelerator: Literal["cpu", "cuda", "mps", "auto"] = "cpu"
    device_index: Annotated[int, Field(ge=0)] | None = None
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    n_threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    window_megabytes: Annotated[int, Field(ge=1)] = 256
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 5.0

    def loss_for(self, kind: TargetKind) -> "Loss | None":
        """Return the loss for a kind of target, or None for its default loss."""
        from redcore.nn.losses import LossSpec, build_loss

        return build_loss(self.loss, kind, LossSpec(self.label_smoothing, self.focal_gamma, self.huber_delta))
