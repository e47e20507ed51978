"""Linear map and a bound on the first time step."""

from torch import Tensor, nn

from redcore.nn.encoders import EncoderSpec


class FirstStep(nn.Module):
    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_features, width)

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        mapped: Tensor = self.linear(values if lengths is None else values[:, 0])
        return mapped.tanh()


def build(n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    return FirstStep(n_features, spec.width)
