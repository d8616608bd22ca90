"""Probes of the positional encoding: build it, give it a table, and add it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from part5_transformers.positional_encoding import PositionalEncoding

Array = np.ndarray
Named = dict[str, Any]


def table(d_model: int, max_len: int) -> Named:
    """Return the buffer of a new PositionalEncoding(d_model, max_len)."""
    return {"pe": PositionalEncoding(d_model, max_len).pe}


def saved(d_model: int, max_len: int) -> Named:
    """Return what a new encoding saves, and the names of what it would train."""
    encoding = PositionalEncoding(d_model, max_len)
    return {
        "shapes": {name: list(value.shape) for name, value in encoding.state_dict().items()},
        "parameters": [name for name, _ in encoding.named_parameters()],
    }


def forward(pe: Array, x: Array, offset: int) -> Named:
    """Call forward(x, offset) with the rows of this table."""
    return {"output": _encoding(pe)(torch.tensor(x), offset=offset)}


def forward_from_the_start(pe: Array, x: Array) -> Named:
    """Call forward(x), without an offset."""
    return {"output": _encoding(pe)(torch.tensor(x))}


def forward_and_arguments(pe: Array, x: Array, offset: int) -> Named:
    """Call forward, and return what x and the table hold afterwards."""
    encoding, inputs = _encoding(pe), torch.tensor(x)
    return {"output": encoding(inputs, offset=offset), "x afterwards": inputs, "pe afterwards": encoding.pe}


def step_by_step(pe: Array, x: Array, offset: int) -> Named:
    """Call forward for every step by itself, and join the results."""
    encoding, steps = _encoding(pe), torch.tensor(x).split(1, dim=1)
    outputs = [encoding(step, offset=offset + position) for position, step in enumerate(steps)]
    return {"output": torch.cat(outputs, dim=1)}


def gradient(pe: Array, x: Array, offset: int, grad_output: Array) -> Named:
    """Return the gradient of x."""
    inputs = torch.tensor(x, requires_grad=True)
    output = _encoding(pe)(inputs, offset=offset)
    (output * torch.tensor(grad_output)).sum().backward()
    return {"x_grad": inputs.grad}


def _encoding(pe: Array) -> PositionalEncoding:
    _, max_len, d_model = pe.shape
    encoding = PositionalEncoding(d_model, max_len)
    encoding.load_state_dict({"pe": torch.tensor(pe)})
    return encoding
