"""Bidirectional LSTM with max pooling over the real time steps."""

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from redcore.nn._pooling import as_sequences, masked_max
from redcore.nn.encoders import EncoderSpec

__all__ = ["LSTMEncoder", "build"]


class LSTMEncoder(nn.Module):
    """Bidirectional LSTM, max pooling over time, and a linear layer to `width`.

    Parameters
    ----------
    n_features : int
    width : int
        Size of the output, and of the hidden state of each direction.
    n_layers : int
    dropout : float
        Dropout rate between layers.
    """

    def __init__(self, n_features: int, width: int, n_layers: int, dropout: float) -> None:
        super().__init__()
        between = dropout if n_layers > 1 else 0.0
        self.lstm = nn.LSTM(n_features, width, n_layers, batch_first=True, dropout=between, bidirectional=True)
        self.project = nn.Linear(2 * width, width)

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode (n, time, n_features), or (n, n_features) as one step, to (n, width)."""
        values, lengths = as_sequences(values, lengths)
        packed = pack_padded_sequence(values, lengths.cpu(), batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=values.shape[1])
        pooled: Tensor = self.project(masked_max(hidden, lengths.to(hidden.device)))
        return pooled


def build(n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    """Build the encoder for one modality."""
    return LSTMEncoder(n_features, spec.width, spec.n_layers, spec.dropout)
