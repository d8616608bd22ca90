"""float16 stays float16 through attention, as in torch.  Run by autograder/tests/test_float16.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from part2_layers.checks.half_precision import HALF, SIZES, assert_as_torch
from part4_attention.multi_head_attention import MultiHeadAttention
from part4_attention.scaled_dot_product_attention import ScaledDotProductAttention
from part4_attention.tiled_attention import TiledAttention

RNG = np.random.default_rng(0)
torch.manual_seed(0)  # of its first weights
MASK = np.arange(6) > 3


def halves(*shape: int, size: float = 1.0) -> np.ndarray:
    return (size * RNG.standard_normal(shape)).astype(HALF)


@SIZES
@pytest.mark.parametrize(
    "attention", [ScaledDotProductAttention(), TiledAttention()], ids=lambda one: type(one).__name__
)
def test_attention(attention: Any, size: float) -> None:
    inputs = [halves(2, 5, 32, size=size), halves(2, 6, 32, size=size), halves(2, 6, 4)]
    query, key, value = in_torch = [torch.tensor(value, requires_grad=True) for value in inputs]
    attended = torch.tensor(~MASK).expand(5, 6)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, attended)
    grad = halves(2, 5, 4)
    expected.backward(torch.tensor(grad))  # type: ignore[no-untyped-call]
    assert_as_torch(attention.forward(*inputs, mask=MASK), expected)
    for got, of in zip(attention.backward(grad), in_torch, strict=True):
        assert_as_torch(got, of.grad)


def test_multi_head_attention() -> None:
    layer, in_torch = MultiHeadAttention(8, 2, dtype=HALF), torch.nn.MultiheadAttention(8, 2, batch_first=True).half()
    layer.load_torch_state_dict({name: value.numpy() for name, value in in_torch.state_dict().items()})
    x, grad = halves(3, 5, 8), halves(3, 5, 8)
    assert_as_torch(layer.forward(x, x, x), in_torch(*[torch.tensor(x)] * 3, need_weights=False)[0])
    assert {of.dtype for of in layer.backward(grad)} == {np.dtype(HALF)}
