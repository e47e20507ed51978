"""Small convolutional network for images (N, channels, height, width)."""

from torch import Tensor, nn

from redcore.nn._dropout import Dropout
from redcore.nn.encoders import EncoderSpec

__all__ = ["INPUTS", "CNNEncoder", "build"]

INPUTS = ("images",)

STAGES = 4
"""Number of stages; each but the first halves height and width."""


class CNNEncoder(nn.Module):
    """Stages of two 3x3 convolutions with group normalisation and a residual connection, and mean pooling.

    The number of channels doubles from stage to stage, up to `width`. Images smaller than 8 pixels have fewer stages.

    Parameters
    ----------
    shape : tuple (channels, height, width)
        Shape of the images.
    width : int
        Size of the output.
    dropout : float
        Dropout rate of the output.
    """

    def __init__(self, shape: tuple[int, ...], width: int, dropout: float) -> None:
        super().__init__()
        n_stages = min(STAGES, max(1, min(shape[1:]).bit_length() - 1))
        sizes = [max(8, width >> (n_stages - 1 - stage)) for stage in range(n_stages)]
        before = [shape[0], *sizes[:-1]]
        self.stages = nn.ModuleList(
            Stage(n_in, n_out, stride=2 if stage else 1)
            for stage, (n_in, n_out) in enumerate(zip(before, sizes, strict=True))
        )
        self.project = nn.Sequential(Dropout(dropout), nn.Linear(sizes[-1], width))

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode images (n, channels, height, width) to (n, width)."""
        hidden = values
        for stage in self.stages:
            hidden = stage(hidden)
        output: Tensor = self.project(hidden.mean(dim=(2, 3)))
        return output


class Stage(nn.Module):
    """Residual block of two convolutions, the first of which reduces the size by `stride`."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False)
        self.second = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
        # group normalisation does not depend on the other samples of a batch
        self.norms = nn.ModuleList(nn.GroupNorm(1, n_out) for _ in range(2))

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (n, n_in, height, width) to (n, n_out, height / stride, width / stride)."""
        convolved = self.norms[0](self.first(hidden)).relu()
        output: Tensor = (self.norms[1](self.second(convolved)) + self.shortcut(hidden)).relu()
        return output


def build(n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    """Build the encoder for one modality."""
    assert spec.shape is not None
    return CNNEncoder(spec.shape, spec.width, spec.dropout)
