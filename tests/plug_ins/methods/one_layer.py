"""One linear layer on the codes: the smallest subclass of `NetworkMethod`."""

from typing import ClassVar, NamedTuple, cast

from torch import Tensor, nn

from redcore.fitting import TrainableNetwork
from redcore.methods import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch

SOURCE = "A test"


class OneLayerOutput(NamedTuple):
    logits: Tensor
    representation: Tensor


class OneLayerNetwork(TrainableNetwork):
    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: CodeSettings) -> None:
        super().__init__()
        self.encoders = settings.build_encoders(forms)
        self.head = nn.Linear(len(forms) * settings.latent_dim, n_outputs)

    def forward(self, batch: Batch) -> OneLayerOutput:
        codes = self.encoders(batch).masked_fill(~batch.availability[..., None], 0.0).flatten(1)
        return OneLayerOutput(self.head(codes), codes)


class OneLayer(NetworkMethod):
    Settings: ClassVar[type[MethodSettings]] = CodeSettings

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        return OneLayerNetwork(forms, n_outputs, cast(CodeSettings, self.settings))


METHOD = OneLayer
