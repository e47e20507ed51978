"""Settings that every method trained by gradient descent shares."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from redcore._settings import MethodSettings, Search
from redcore.preprocessing import Preprocessing, automatic

__all__ = ["TrainingSettings"]


class TrainingSettings(MethodSettings):
    """How a network is trained.

    Attributes
    ----------
    validation_fraction : float in [0, 0.9], default 0.15
        Share of the training samples (or groups) held out to choose the epoch, where no validation data is
        given. 0 trains on everything and keeps the last epoch.
    validation_patterns : int in [1, 64], default 4
        How often each validation sample is judged: as it is, and with random subsets of what it observes hidden. 1
        judges by the missing patterns that the validation data happens to have.
    selection : {"loss", "score"}, default "loss"
        What the epoch is chosen by, on validation data: lowest loss, or highest macro-F1 (R2 for regression).
    patience : int >= 1 or None, default 20
        Epochs without a better validation result before training stops; None trains to the end.
    max_epochs : int >= 1, default 200
    max_steps : int >= 1 or None, default 8000
        Bound on optimiser steps; whichever of the two bounds comes first ends training.
    batch_size : int >= 1 or None, default None
        Samples per step; None takes 1/16 of the training samples, at least 16 and at most 256.
    learning_rate : float in (0, 10], default 1e-3
    schedule : {"constant", "linear", "cosine"}, default "cosine"
        "linear" holds the rate, then lowers it per epoch over the last `decay_fraction` of the epochs;
        "cosine" lowers it to zero over all steps.
    decay_fraction : float in [0, 1], default 0.5
    weight_decay : float in [0, 10], default 1e-2
        Decoupled, as in AdamW.
    adam_beta1, adam_beta2 : float in [0, 1), default 0.9 and 0.999
    adam_epsilon : float in (0, 1], default 1e-8
    gradient_clip : float > 0 or None, default 1.0
        Largest L2 norm of the gradient.
    regression_loss : {"squared", "absolute"}, default "squared"
        On the target scaled to mean 0 and variance 1.
    preprocessing : mapping of str to {"auto", "standardize", "log1p", "quantile", "identity"}, default {"*": "auto"}
        What is done to features, by modality, with statistics of the observed training rows: centre and scale; the
        same after ``sign(x) log(1 + |x|)``; map the distribution to the normal one. "auto" maps features whose absolute
        skewness is over 1, and centres and scales the others. ``"*"`` stands for the modalities not named. As text:
        ``"quantile"``, or ``"audio=log1p,text=identity"``.
    input_clip : float > 0, default 20
        Bound on the absolute value of features after that, so that no input can overflow the network.
    accelerator : {"cpu", "cuda", "mps", "auto"}, default "cpu"
    precision : {"32-true", "bf16-mixed"}, default "32-true"
    n_threads : int >= 1 or None, default None
        Threads of a fit on the CPU. None takes one where all modalities are vectors, since more do not pay on networks
        of that size and the result then does not depend on how many cores there are; else as many as torch is set to.
    window_megabytes : int >= 1, default 256
        For data that stays in a store: how much of it is in memory, and shuffled, at once (twice, as the next window
        is read ahead).
    checkpoint_seconds : float >= 0, default 5
        Least time between two checkpoints, where checkpoints are asked for.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "learning_rate": Search(3e-4, 1e-2, log=True),
        "weight_decay": Search(1e-4, 1e-1, log=True),
    }

    validation_fraction: Annotated[float, Field(ge=0, le=0.9)] = 0.15
    validation_patterns: Annotated[int, Field(ge=1, le=64)] = 4
    selection: Literal["loss", "score"] = "loss"
    patience: Annotated[int, Field(ge=1)] | None = 20
    max_epochs: Annotated[int, Field(ge=1)] = 200
    max_steps: Annotated[int, Field(ge=1)] | None = 8000
    batch_size: Annotated[int, Field(ge=1)] | None = None
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    decay_fraction: Annotated[float, Field(ge=0, le=1)] = 0.5
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 1e-2
    adam_beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    adam_beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    adam_epsilon: Annotated[float, Field(gt=0, le=1)] = 1e-8
    gradient_clip: Annotated[float, Field(gt=0)] | None = 1.0
    regression_loss: Literal["squared", "absolute"] = "squared"
    preprocessing: Preprocessing = Field(default_factory=automatic)
    input_clip: Annotated[float, Field(gt=0)] = 20.0
    accelerator: Literal["cpu", "cuda", "mps", "auto"] = "cpu"
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    n_threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    window_megabytes: Annotated[int, Field(ge=1)] = 256
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 5.0
