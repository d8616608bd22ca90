"""A language model from torch's own modules, and what known mistakes would give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from autograder.testing import truth
from part5_transformers.tests.oracle import Answer, Array, tensors

LAYER_NAMES = {
    "self_attn.mha.": "self_attn.",
    "self_attn.norm.": "norm1.",
    "ffn.ffn.0.": "linear1.",
    "ffn.ffn.3.": "linear2.",
    "ffn.norm.": "norm2.",
}


@truth
def language_model(
    sizes: Answer, state: Answer, tokens: Array, lengths: Array | None, grad_output: Array | None = None
) -> Answer:
    """Logits, and without a gradient from above the weights of every layer."""
    return run(sizes, state, tokens, lengths, grad_output)


@truth
def embedded(sizes: Answer, state: Answer, tokens: Array, offset: int) -> Answer:
    parameters = {name: torch.tensor(value) for name, value in state.items()}
    return {"embedded": _embed(sizes, parameters, tokens, offset).numpy()}


@truth
def score(sizes: Answer, state: Answer, tokens: Array) -> Array:
    """The logits after the last token."""
    return np.asarray(run(sizes, state, tokens, None)["logits"][:, -1])


def language_model_mistakes(
    sizes: Answer, state: Answer, tokens: Array, lengths: Array | None, grad_output: Array | None = None
) -> Answer:
    def changed(**mistake: Any) -> Answer:
        return run(sizes, state, tokens, lengths, grad_output, **mistake)

    mistakes = {
        "the causal mask is missing": changed(is_causal=False),
        "the final norm is missing": changed(has_norm=False),
        "the positions are missing": changed(has_positions=False),
        "the layers run in the opposite order": changed(reverse=True),
    }
    if lengths is not None:
        mistakes["the padding mask is missing"] = run(sizes, state, tokens, None, grad_output)
    return mistakes


def run(
    sizes: Answer,
    state: Answer,
    tokens: Array,
    lengths: Array | None,
    grad_output: Array | None = None,
    *,
    is_causal: bool = True,
    has_norm: bool = True,
    has_positions: bool = True,
    reverse: bool = False,
) -> Answer:
    """The model with torch's encoder layers under a causal mask; what may be left out is a mistake."""
    parameters = tensors(**state)
    time = tokens.shape[1]
    causal = torch.ones(time, time, dtype=torch.bool).triu(1) if is_causal else None
    padding = None if lengths is None else torch.arange(time) >= torch.tensor(lengths)[:, None]
    x = _embed(sizes, parameters, tokens, 0, has_positions)
    attention = {}
    numbers = range(sizes["num_layers"])
    for number in reversed(numbers) if reverse else numbers:
        x, weights = _layer(sizes, parameters, number, x, causal, padding)
        attention[f"layer{number + 1}_dec_self"] = weights.detach().numpy()
    if has_norm:
        x = functional.layer_norm(x, (sizes["d_model"],), parameters["norm.weight"], parameters["norm.bias"])
    weight = parameters["target_embedding.weight" if sizes["weight_tying"] else "final_linear.weight"]
    logits = functional.linear(x, weight, parameters["final_linear.bias"])
    if grad_output is None:
        return {"logits": logits.detach().numpy(), "attention": attention}
    (logits * torch.tensor(grad_output)).sum().backward()
    del parameters["positional_encoding.pe"]  # a buffer
    found = {name: parameter.grad for name, parameter in parameters.items()}
    zeros = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    known = {f"{name}_grad": (zeros[name] if grad is None else grad).numpy() for name, grad in found.items()}
    return {"logits": logits.detach().numpy(), **known}


def _layer(
    sizes: Answer, parameters: dict[str, Tensor], number: int, x: Tensor, causal: Tensor | None, padding: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Torch's layer on our parameters, so that gradients reach them; and the weights of its attention."""
    module = nn.TransformerEncoderLayer(
        sizes["d_model"], sizes["num_heads"], sizes["d_ff"], 0.0, "gelu", batch_first=True, norm_first=True
    ).to(x.dtype)
    prefix = f"dec_layers.{number}."
    own = {name.removeprefix(prefix): value for name, value in parameters.items() if name.startswith(prefix)}
    named = {
        new + name.removeprefix(old): own[name]
        for name in own
        for old, new in LAYER_NAMES.items()
        if name.startswith(old)
    }
    output = torch.func.functional_call(module, named, (x,), {"src_mask": causal, "src_key_padding_mask": padding})
    normed = functional.layer_norm(x, (sizes["d_model"],), named["norm1.weight"], named["norm1.bias"])
    _, weights = torch.func.functional_call(
        module.self_attn,
        {name.removeprefix("self_attn."): value for name, value in named.items() if name.startswith("self_attn.")},
        (normed, normed, normed),
        {"attn_mask": causal, "key_padding_mask": padding},
    )
    return output, weights


def _embed(
    sizes: Answer, parameters: dict[str, Tensor], tokens: Array, offset: int, has_positions: bool = True
) -> Tensor:
    """Scaled embedding, plus the rows of the table."""
    x = parameters["target_embedding.weight"][torch.tensor(tokens)]
    x = x * math.sqrt(sizes["d_model"]) if sizes["weight_tying"] else x
    positions = parameters["positional_encoding.pe"][:, offset : offset + tokens.shape[1]]
    return x + positions if has_positions else x
