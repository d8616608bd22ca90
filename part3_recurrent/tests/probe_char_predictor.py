"""Probes of CharacterPredictor: they build it, load a state dict, run it, and generate text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from part3_recurrent.char_predictor import CharacterPredictor

Array = np.ndarray
Named = dict[str, Any]
Prompt = Array | Sequence[int]


def forward(sizes: Named, state: Named, x: Array, h_0: Array | None) -> Named:
    """Call logits, h_n = model(x, h_0)."""
    logits, h_n = _model(sizes, state).forward(x, h_0)
    return {"logits": logits, "h_n": h_n}


def forward_in_two_pieces(sizes: Named, state: Named, x: Array, h_0: Array | None, cut: int) -> Named:
    """Run forward for the text before the cut, then for the rest from the state there."""
    model = _model(sizes, state)
    first, h = model.forward(x[:cut], h_0)
    second, h_n = model.forward(x[cut:], h)
    return {"logits": np.concatenate([first, second]), "h_n": h_n}


def forward_and_backward(
    sizes: Named, state: Named, x: Array, h_0: Array | None, logits_grad: Array, h_n_grad: Array | None
) -> Named:
    """Run forward, then backward with the upstream gradients."""
    model = _model(sizes, state)
    model.forward(x, h_0)
    return {"h_0_grad": model.backward(logits_grad, h_n_grad), **_gradients(model)}


def run_in_two_pieces(
    sizes: Named, state: Named, x: Array, h_0: Array | None, logits_grad: Array, h_n_grad: Array | None, cut: int
) -> Named:
    """Run forward and backward of the text after the cut, then of the text before it, between them only the state."""
    model = _model(sizes, state)
    _, h = model.forward(x[:cut], h_0)
    model.forward(x[cut:], h)
    h_grad = model.backward(logits_grad[cut:], h_n_grad)
    model.forward(x[:cut], h_0)
    return {"h_0_grad": model.backward(logits_grad[:cut], h_grad), **_gradients(model)}


def backward_first(sizes: Named, state: Named, logits_grad: Array) -> None:
    """Run backward on a new model, without forward."""
    _model(sizes, state).backward(logits_grad)


def generate(sizes: Named, state: Named, prompt: Prompt, length: int, temperature: float, seed: int) -> Named:
    """Generate a text that begins with the prompt, and give the prompt afterwards."""
    text = _model(sizes, state).generate(prompt, length, temperature, np.random.default_rng(seed))
    return {"text": text, "prompt afterwards": prompt}


def generate_many(
    sizes: Named, state: Named, prompt: Prompt, length: int, temperature: float | None, seed: int, count: int
) -> Named:
    """Generate so many texts, one after another, all of one generator; without a temperature, of the default one."""
    model, rng = _model(sizes, state), np.random.default_rng(seed)
    options = {} if temperature is None else {"temperature": temperature}
    return {"texts": np.stack([model.generate(prompt, length, rng=rng, **options) for _ in range(count)])}


def _model(sizes: Named, state: Named) -> CharacterPredictor:
    model = CharacterPredictor(**sizes, dtype=state["linear.weight"].dtype)
    model.load_state_dict(state)
    return model


def _gradients(model: CharacterPredictor) -> Named:
    return {f"{name}_grad": grad for name, _, grad in model.named_parameters()}
