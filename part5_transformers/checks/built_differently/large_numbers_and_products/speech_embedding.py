"""The encoder's input from speech: fewer steps than the sound has frames, each of them wider.

Frames beyond an utterance's length are set to zero before the first layer and after every one, so that a result depends
on the utterance alone and never on how far its batch was padded.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from part5_transformers.masks import PadMask

FACTORS = (2, 3)  # a convolution of three frames leaves out none at these strides
METHODS = ("lstm", "conv", "both")


class SpeechEmbedding(nn.Module):
    """Frames to embeddings, time_reduction times fewer.

    "conv": convolutions with stride, each followed by GELU; "lstm": bidirectional LSTMs, each of which takes several
    frames as one     (Chan et al. 2016); "both": a convolution first, then LSTMs.  At the end a linear layer, and
    dropout.
    Raises ValueError for another method, for a time_reduction that is no product of twos and threes, and for an odd
    d_model where there are LSTMs.
    """

    def __init__(
        self, input_dim: int, d_model: int, time_reduction: int, reduction_method: str, dropout: float = 0.0
    ) -> None:
        super().__init__()
        for name, size in (("input_dim", input_dim), ("d_model", d_model)):
            if size < 1:
                raise ValueError(f"{name} must be positive; got {size}.")
        if reduction_method not in METHODS:
            raise ValueError(f"reduction_method must be one of {', '.join(METHODS)}; got {reduction_method!r}.")
        if d_model % 2 and reduction_method != "conv":
            raise ValueError(f"d_model must be even where LSTMs read in two directions; got {d_model}.")
        factors = factors_of(time_reduction)
        convolutions = {"lstm": 0, "conv": len(factors), "both": 1}[reduction_method]
        if reduction_method == "both" and len(factors) == 1:
            factors = [*factors, 1]
        self.time_reduction = time_reduction
        self.layers = nn.ModuleList()
        for number, factor in enumerate(factors):
            kind = ReducingConvolution if number < convolutions else ReducingLSTM
            self.layers.append(kind(d_model if number else input_dim, d_model, factor))
        self.linear = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the embeddings, zero beyond each length, and their lengths.

        Shapes: x (b, t, input_dim), lengths (b,), results (b, ⌈t / time_reduction⌉, d_model) and (b,).
        Raises ValueError for lengths that are not between 1 and t.
        """
        x = without_padding(x, lengths)
        for layer in self.layers:
            x, lengths = layer(x, lengths)
        return self.dropout(without_padding(self.linear(x), lengths)), lengths

    def downsampled_lengths(self, lengths: Tensor) -> Tensor:
        """Compute how many steps are left of so many frames: ⌈lengths / time_reduction⌉."""
        return reduced(lengths, self.time_reduction)


class ReducingConvolution(nn.Module):
    """GELU of a convolution over three frames, every `factor` frames.

    Parameters: convolution as in torch.nn.Conv1d(input_dim, output_dim, 3, stride=factor, padding=1).
    """

    def __init__(self, input_dim: int, output_dim: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.convolution = nn.Conv1d(input_dim, output_dim, kernel_size=3, stride=factor, padding=1)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the output, zero beyond each length, and its lengths.

        Shapes: x (b, t, input_dim), zero beyond each length; results (b, ⌈t / factor⌉, output_dim) and (b,).
        """
        windows = functional.pad(x, (0, 0, 1, 1)).unfold(1, 3, self.factor)  # (b, steps, c, 3)
        weight, bias = self.convolution.weight, self.convolution.bias
        assert bias is not None
        lengths = reduced(lengths, self.factor)
        return without_padding(functional.gelu(torch.einsum("btck,ock->bto", windows, weight) + bias), lengths), lengths


class ReducingLSTM(nn.Module):
    """An LSTM in both directions over groups of `factor` frames; the last group is filled up with zeros.

    Parameters: lstm as in torch.nn.LSTM(factor · input_dim, output_dim / 2, batch_first=True, bidirectional=True).
    """

    def __init__(self, input_dim: int, output_dim: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.lstm = nn.LSTM(factor * input_dim, output_dim // 2, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the output, zero beyond each length, and its lengths.

        Shapes: x (b, t, input_dim), zero beyond each length; results (b, ⌈t / factor⌉, output_dim) and (b,).
        """
        lengths = reduced(lengths, self.factor)
        groups = self.group(x)
        order = lengths.argsort(descending=True)
        packed = pack_padded_sequence(groups[order], lengths[order].cpu(), batch_first=True)
        output, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=groups.shape[1])
        return output[order.argsort()], lengths

    def group(self, x: Tensor) -> Tensor:
        """Join every `factor` frames one after another: (b, t, d) to (b, ⌈t / factor⌉, factor · d)."""
        missing = -x.shape[1] % self.factor
        filled = torch.cat([x, x.new_zeros(len(x), missing, x.shape[2])], dim=1)
        return torch.cat([filled[:, first :: self.factor] for first in range(self.factor)], dim=2)


def reduced(lengths: Tensor, factor: int) -> Tensor:
    """Compute ⌈lengths / factor⌉ in integers: one frame is left of the shortest utterance."""
    return torch.div(lengths - 1, factor, rounding_mode="floor") + 1


def without_padding(x: Tensor, lengths: Tensor) -> Tensor:
    """Return x (b, t, d) with zeros at and after each length."""
    return torch.where(PadMask(x, lengths).unsqueeze(2), x.new_zeros(()), x)


def factors_of(time_reduction: int) -> list[int]:
    """Factorise into twos and threes, the largest first; [1] for 1."""
    left, factors = time_reduction, []
    for factor in sorted(FACTORS, reverse=True):
        while left > 1 and left % factor == 0:
            left //= factor
            factors.append(factor)
    if left != 1:
        raise ValueError(
            f"time_reduction must be a product of twos and threes, such as 1, 2, 3, 4, 6, 8, 9 or 12; "
            f"got {time_reduction}."
        )
    return factors or [1]
