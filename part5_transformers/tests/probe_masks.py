"""Probes of the masks: make them, and read the arguments afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from part5_transformers.masks import CausalMask, PadMask

Array = np.ndarray
Named = dict[str, Any]


def padding(padded_input: Array, input_lengths: Array) -> Named:
    """Return PadMask(padded_input, input_lengths)."""
    return {"mask": PadMask(torch.tensor(padded_input), torch.tensor(input_lengths))}


def padding_and_arguments(padded_input: Array, input_lengths: Array) -> Named:
    """Return the same, and what the two arguments hold afterwards."""
    padded, lengths = torch.tensor(padded_input), torch.tensor(input_lengths)
    mask = PadMask(padded, lengths)
    return {"mask": mask, "padded_input afterwards": padded, "input_lengths afterwards": lengths}


def causal(padded_input: Array) -> Named:
    """Return CausalMask(padded_input)."""
    return {"mask": CausalMask(torch.tensor(padded_input))}


def causal_and_argument(padded_input: Array) -> Named:
    """Return the same, and what the argument holds afterwards."""
    padded = torch.tensor(padded_input)
    return {"mask": CausalMask(padded), "padded_input afterwards": padded}
