"""Base class of methods that train networks by gradient descent."""

import copy
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Generator, Tensor, nn

from redcore._arrays import prefixed, unprefixed
from redcore._settings import MethodSettings
from redcore._types import AnyArray
from redcore._validation import check_known
from redcore.data import Modality, MultimodalData, concatenate, hold_out, require_single_target, sample_in_memory
from redcore.exceptions import ModelFileError, SchemaError, SettingsError, UnsupportedError
from redcore.fitting import FitContext, History, TrainableNetwork, TrainingSettings, predict_batches, seeded, threads
from redcore.methods._base._encoder_choice import EncoderChoice
from redcore.methods._base._method import Method
from redcore.missing import under_patterns
from redcore.nn import Batch, CodeEncoders, ModalityForm, Objective, collate, fit_objective, restored_objective
from redcore.preprocessing import Kind, Preprocessor, check_named

if TYPE_CHECKING:
    from redcore.fitting import Trainer

__all__ = ["NetworkEnsemble", "NetworkMethod", "state_arrays"]

MAX_VALIDATION = 20_000
"""Maximum number of predictions in the validation of an epoch."""

INITIAL_SAMPLES = 1024
"""Maximum number of training samples that encoders are initialised with."""


class NetworkEnsemble(nn.Module):
    """Networks that read the same preprocessed batch; subclasses combine their outputs in `forward`.

    Parameters
    ----------
    preprocessor : Preprocessor
    networks : sequence of nn.Module
        At least one.
    objective : Objective
    """

    def __init__(self, preprocessor: Preprocessor, networks: Sequence[nn.Module], objective: Objective) -> None:
        super().__init__()
        self.preprocessor, self.networks, self.objective = preprocessor, nn.ModuleList(networks), objective
        self.training = self.networks.training = False  # as the fitted networks


class MeanOfNetworks(NetworkEnsemble):
    """Mean of the predictions of several networks."""

    def forward(self, batch: Batch) -> Tensor:
        """Return probabilities or regression outputs, (n_samples, n_outputs), double."""
        prepared = self.preprocessor(batch)
        outputs = [self.objective.predictions(network(prepared).logits) for network in self.networks]
        return torch.stack(outputs).mean(dim=0)


class NetworkMethod(Method):
    """Base class of methods that train a network; subclasses set `Network` or override `build_network`.

    Attributes
    ----------
    Network : type of TrainableNetwork
        Class attribute: the network, called with the arguments `forms` and `n_outputs` of `build_network` and the
        settings.
    networks : list of TrainableNetwork
        Fitted networks: one, or several for ensembles. The prediction is the mean of their predictions.
    n_steps : dict of str to int
        Median number of time steps of the training samples by active modality; 0 for vectors.
    """

    Settings: ClassVar[type[MethodSettings]] = TrainingSettings
    supports_survival: ClassVar[bool] = True
    supports_mixed: ClassVar[bool] = True
    Network: ClassVar[type[TrainableNetwork]]

    preprocessor: Preprocessor
    objective: Objective
    networks: list[TrainableNetwork]
    n_steps: dict[str, int]

    @property
    def network(self) -> TrainableNetwork:
        """First fitted network."""
        return self.networks[0]

    @property
    def training(self) -> TrainingSettings:
        """Training settings of the network."""
        return cast(TrainingSettings, self.settings)

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the untrained network. Override this function if the network has arguments that `Network` has not.

        Parameters
        ----------
        forms : list of ModalityForm
            Active modalities, sorted by name.
        n_outputs : int
        n_samples : int
            Number of training samples, for networks whose size depends on it.
        """
        return self.Network(forms, n_outputs, self.settings)

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        if validation is None:
            keep, held_out = hold_out(data, self.training.validation_fraction, context.seed)
            if held_out.size:
                data, validation = data.take(keep), data.take(held_out)
        self._prepare(data, context)
        network, self.history = self._train(data, validation, context)
        self.networks = [network]

    def _prepare(self, data: MultimodalData, context: FitContext) -> None:
        """Fit the preprocessing and the objective."""
        settings = self.training
        assert data.target is not None
        self.n_samples = data.n_samples
        check_named(settings.preprocessing, self.schema.names)
        check_known("modality (of encoders)", self.encoders, self.schema.names)
        start = self._fitting_start(context)
        self.n_steps = start.n_steps if start else {name: _median_steps(data.modalities[name]) for name in self.active}
        self.preprocessor = start.preprocessor if start else Preprocessor.fit(data, *self._preprocessing())
        objective = start.objective if start else fit_objective(data.target, settings.regression_loss)
        self.objective = objective.with_losses(settings.loss_for).weighted(data.target, settings.target_weights)
        if settings.selection == "score":
            require_single_target(objective.kind, "setting selection='score'")

    def _train(
        self, data: MultimodalData, validation: MultimodalData | None, context: FitContext
    ) -> tuple[TrainableNetwork, History]:
        """Train one network; the epoch is selected on `validation`, augmented with random missing patterns."""
        with seeded(context.seed), threads(self._n_threads()):
            trainer = self._trainer(data, validation, context)
            history = trainer.fit()
        return trainer.network.to("cpu").eval(), history

    def _trainer(
        self,
        data: MultimodalData,
        validation: MultimodalData | None,
        context: FitContext,
        generator: Generator | None = None,
    ) -> "Trainer":
        """Return the prepared trainer of a new network, with initial weights from the random numbers of torch.

        `generator` has those of the training. Default: torch.
        """
        from redcore.fitting import Trainer

        settings = self.training
        data = _with_unlabelled(data, context.unlabelled)
        assert data.target is not None
        request = self._request(data, validation, context.seed)
        if validation is not None and settings.validation_patterns > 1:
            rng = np.random.default_rng([context.seed, 3])
            sampled = sample_in_memory(validation, MAX_VALIDATION // settings.validation_patterns, rng)
            validation = under_patterns(sampled, settings.validation_patterns, rng)
        start = self._fitting_start(context)
        network = self.build_network(self._forms(), data.target.n_outputs, data.n_samples)
        prepared = self.preprocessor.transform(data)
        if start:
            _copy_weights(network, start.network)
        else:
            _initialize_encoders(network, prepared, context.seed)
        trainer = Trainer(network, self.objective, settings, context, generator)
        held_out = None if validation is None else self.preprocessor.transform(validation)
        trainer.prepare(prepared, held_out, request)
        return trainer

    def _fitting_start(self, context: FitContext) -> "NetworkMethod | None":
        """Return the fitted method for a warm start, or None. It must have the same schema."""
        start = context.start
        if not isinstance(start, NetworkMethod):
            return None
        if (start.active, start.schema.modalities) != (self.active, self.schema.modalities):
            raise SchemaError("a warm start needs data with the same modalities and features as the previous fit")
        return start

    @property
    def encoders(self) -> Mapping[str, EncoderChoice]:
        """Encoders of the settings by modality, for the modalities with an encoder of their own."""
        return getattr(self.training, "encoders", {})

    def _preprocessing(self) -> tuple[dict[str, Kind], dict[str, float]]:
        """Return the kind of preprocessing and the bound of its results by modality."""
        own = {name: kind for name, choice in self.encoders.items() if (kind := choice.preprocessing) is not None}
        clip = {"*": self.training.input_clip, **{name: math.inf for name, kind in own.items() if kind == "identity"}}
        return {**self.training.preprocessing, **own}, clip

    def _n_threads(self) -> int | None:
        chosen = self.training.n_threads
        all_vectors = all(modality.form == "vectors" for modality in self.schema.modalities)
        return 1 if chosen is None and all_vectors else chosen

    def _forms(self) -> list[ModalityForm]:
        shapes = {modality.name: modality.shape for modality in self.schema.modalities}
        return [
            ModalityForm(name, cells.n_outputs, self.n_steps[name], shapes[name], cells.n_tokens)
            for name in self.active
            for cells in [self.cells[name]]
        ]

    def _request(self, data: MultimodalData, validation: MultimodalData | None, seed: int) -> str:
        """Return a hash of the settings, data and seed of a fit."""
        content = [
            type(self).__name__,
            self.settings.dump(),
            data.checksum(),
            None if validation is None else validation.checksum(),
            seed,
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def prediction_module(self) -> nn.Module:
        """Return preprocessing, networks and objective as one module; see `Method.prediction_module`."""
        return MeanOfNetworks(self.preprocessor, self.networks, self.objective)

    def _of_member(self, member: int) -> "NetworkMethod":
        last = len(self.networks) - 1
        if not isinstance(member, int) or not 0 <= member <= last:
            raise SettingsError(f"member {member!r}: expected a number from 0 to {last}")
        chosen = copy.copy(self)
        chosen.networks = [self.networks[member]]
        return chosen

    def _transform(self, data: MultimodalData) -> AnyArray:
        batches = predict_batches(self.network, self.preprocessor.transform(data))
        return np.concatenate([output.representation.numpy() for output in batches])

    def posterior(self, network: TrainableNetwork) -> AbstractContextManager[None]:
        """Return a context manager in which a network samples its latent codes from their posterior.

        Raises
        ------
        UnsupportedError
            If the latent codes of the method have no posterior.
        """
        raise UnsupportedError(f"{type(self).__name__} has no posterior to draw predictions from")

    def _sample(self, data: MultimodalData, n_draws: int, seed: int) -> AnyArray:
        with ExitStack() as sampling:
            for network in self.networks:
                sampling.enter_context(self.posterior(network))
            sampling.enter_context(seeded(seed))
            return np.stack([self._predict(data) for _ in range(n_draws)])

    def load_weights(self, path: str | Path, member: int = 0) -> None:
        """Replace the weights of an ensemble member by those of a file of `redcore.fitting.EpochCheckpoints`.

        Raises
        ------
        ModelFileError
            If the file cannot be read, or belongs to a network of another size.
        """
        try:
            self.networks[member].load_state_dict(load_file(path))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise ModelFileError(f"{path}: not the weights of this network ({str(error).splitlines()[0]})") from None

    @property
    def supervision_weight(self) -> dict[str, float]:
        """Final beta_m by modality, averaged over the networks; empty without a supervision-weight rule."""
        return self._by_modality("supervision_weight")

    @property
    def relative_advantage(self) -> dict[str, float]:
        """Final RA_m by modality, averaged over the networks; empty without a supervision-weight rule."""
        return self._by_modality("relative_advantage")

    def _by_modality(self, quantity: str) -> dict[str, float]:
        rules: list[Any] = [network.rule for network in self.networks if hasattr(network, "rule")]
        if not rules:
            return {}
        mean = torch.stack([getattr(rule, quantity) for rule in rules]).mean(dim=0)
        return dict(zip(self.active, mean.tolist(), strict=True))

    def _arrays(self) -> dict[str, AnyArray]:
        network = prefixed("network/", state_arrays(self.network))
        preprocessing = prefixed("preprocessing/", self.preprocessor.to_arrays())
        return {**network, **preprocessing, **prefixed("objective/", self.objective.to_arrays())}

    def _info(self) -> dict[str, Any]:
        return {"n_samples": self.n_samples, "n_steps": self.n_steps}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        settings = self.training
        self.n_samples = int(info["n_samples"])
        # files of earlier versions have no lengths; every step is a token there
        sequences = {modality.name: int(modality.is_sequence) for modality in self.schema.modalities}
        self.n_steps = {name: sequences[name] for name in self.active} | info.get("n_steps", {})
        self.preprocessor = Preprocessor.from_arrays(
            unprefixed("preprocessing/", arrays), self.active, *self._preprocessing()
        )
        self.objective = restored_objective(self.schema, unprefixed("objective/", arrays), settings.regression_loss)
        self.networks = [self._restored(unprefixed("network/", arrays))]

    def _restored(self, state: Mapping[str, AnyArray]) -> TrainableNetwork:
        """Return a network with the given weights and buffers."""
        with seeded(0):
            network = self.build_network(self._forms(), self.schema.n_outputs, self.n_samples)
        network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()})
        return network.eval()


def _with_unlabelled(data: MultimodalData, unlabelled: MultimodalData | None) -> MultimodalData:
    """Return `data` with unlabelled samples: their label is that of the first sample, with the weight 0 in losses."""
    if unlabelled is None:
        return data
    assert data.target is not None
    placeholder = data.target.take(np.zeros(unlabelled.n_samples, dtype=np.int64))
    parts = [replace(data, groups=None, split=None), replace(unlabelled, target=placeholder, groups=None, split=None)]
    numbered = [replace(part, sample_ids=np.arange(part.n_samples)) for part in parts]
    weights = np.concatenate([data.target.counts, np.zeros(unlabelled.n_samples)])
    both = concatenate(numbered)
    assert both.target is not None
    return replace(both, target=both.target.weighted(weights))


def _median_steps(modality: Modality) -> int:
    return 0 if modality.lengths is None else max(1, int(np.median(modality.lengths)))


def state_arrays(network: TrainableNetwork) -> dict[str, AnyArray]:
    """Return the weights and buffers of a network as named arrays."""
    return {name: tensor.cpu().numpy() for name, tensor in network.state_dict().items()}


def _initialize_encoders(network: TrainableNetwork, data: MultimodalData, seed: int) -> None:
    """Pass a sample of the preprocessed training values to the encoders that have a method `initialize`."""
    encoders = getattr(network, "encoders", None)
    modules = list(encoders.encoders) if isinstance(encoders, CodeEncoders) else []
    initialize = {index: module.initialize for index, module in enumerate(modules) if hasattr(module, "initialize")}
    if not initialize:
        return
    sample = sample_in_memory(data, INITIAL_SAMPLES, np.random.default_rng([seed, 4]))
    batch = collate(sample, np.arange(sample.n_samples))
    for index, function in initialize.items():
        inputs = batch.modalities[index]
        if inputs.rows.shape[0]:
            cast(Any, function)(inputs.values, inputs.lengths)


def _copy_weights(network: TrainableNetwork, start: TrainableNetwork) -> None:
    try:
        network.load_state_dict(start.state_dict())
    except RuntimeError:
        message = "a warm start needs the same sizes of the network and the target as the previous fit"
        raise SchemaError(message) from None
