"""Multi-head attention: several attentions side by side, each on its own projection of the features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.linear import Linear
from part2_layers.module import Module, check_floats, check_grad_output, check_shape, integer
from part4_attention.inputs import check_booleans
from part4_attention.scaled_dot_product_attention import ScaledDotProductAttention


def split_heads(x: ndarray, num_heads: int) -> ndarray:
    """Return the features of each head by themselves: the first head has the first of them.

    Shapes: x (b, t, heads · d), result (b, heads, t, d).
    """
    return np.stack(np.split(x, num_heads, axis=2), axis=1)


def join_heads(x: ndarray) -> ndarray:
    """Join the heads that split_heads split.  Shapes: x (b, heads, t, d), result (b, t, heads · d)."""
    return np.concatenate([x[:, head] for head in range(x.shape[1])], axis=2)


def merge_masks(key_padding_mask: ndarray | None, attn_mask: ndarray | None) -> ndarray | None:
    """Return one mask, which broadcasts to (b, heads, t, s): True where either is.  None if both are.

    Shapes: key_padding_mask (b, s), attn_mask (t, s) or (b, t, s), the same for every head.
    """
    if key_padding_mask is None and attn_mask is None:
        return None
    padding = np.False_ if key_padding_mask is None else np.expand_dims(key_padding_mask, (1, 2))
    attention = np.False_ if attn_mask is None else np.expand_dims(attn_mask, -3)
    return np.logical_or(padding, attention)


class MultiHeadAttention(Module):
    """Concat(head₁, …, headₕ) W_Oᵀ + b_O with headᵢ = attention on the i-th part of each projection.

    Vaswani et al. 2017, section 3.2.2.  After forward, `attention.attention_weights` (b, heads, t, s) has the weights.
    Parameters: weight and bias of q_proj (d, d), k_proj (d, kdim), v_proj (d, vdim) and out_proj (d, d), d = embed_dim,
    drawn as torch.nn.MultiheadAttention draws them.
    Raises ValueError for sizes that are not positive, and unless num_heads divides embed_dim.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.embed_dim = integer("embed_dim", embed_dim)
        self.num_heads = integer("num_heads", num_heads)
        self.kdim = self.embed_dim if kdim is None else integer("kdim", kdim)
        self.vdim = self.embed_dim if vdim is None else integer("vdim", vdim)
        if embed_dim % num_heads:
            raise ValueError(
                f"embed_dim must be divisible by num_heads; got embed_dim={embed_dim}, num_heads={num_heads}."
            )
        rng = rng or np.random.default_rng()
        self.q_proj = Linear(self.embed_dim, self.embed_dim, bias, dtype=dtype, rng=rng)
        self.k_proj = Linear(self.kdim, self.embed_dim, bias, dtype=dtype, rng=rng)
        self.v_proj = Linear(self.vdim, self.embed_dim, bias, dtype=dtype, rng=rng)
        self.out_proj = Linear(self.embed_dim, self.embed_dim, bias, dtype=dtype, rng=rng)
        self.attention = ScaledDotProductAttention()
        self._draw(rng)

    def forward(
        self,
        query: ndarray,
        key: ndarray,
        value: ndarray,
        key_padding_mask: ndarray | None = None,
        attn_mask: ndarray | None = None,
    ) -> ndarray:
        """Project, attend in every head, join the heads, project.  Masks are True where a key is ignored.

        Where both masks together ignore every key, the heads give zeros and the row is out_proj's bias.  A batch may be
        empty.
        Shapes: query (b, t, d), key (b, s, kdim), value (b, s, vdim), key_padding_mask (b, s), attn_mask (t, s) or
        (b, t, s), result (b, t, d).
        Raises TypeError for anything but floats and masks of booleans, ValueError for shapes that do not fit.
        """
        self._check(query, key, value, key_padding_mask, attn_mask)
        self.output_shape = query.shape
        mask = merge_masks(key_padding_mask, attn_mask)
        of_one_head = None if mask is None else mask[..., 0, :, :]
        projected = self.q_proj.forward(query), self.k_proj.forward(key), self.v_proj.forward(value)
        parts = zip(*(np.split(x, self.num_heads, axis=2) for x in projected), strict=True)
        self.heads = [ScaledDotProductAttention() for _ in range(self.num_heads)]
        outputs = [head.forward(q, k, v, of_one_head) for head, (q, k, v) in zip(self.heads, parts, strict=True)]
        self.attention.attention_weights = np.stack([head.attention_weights for head in self.heads], axis=1)
        return self.out_proj.forward(np.concatenate(outputs, axis=2))

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Return the gradients of query, key and value; those of the parameters are added to theirs.

        Every step of forward, in the opposite order.  An array that serves as two of them has the sum of both.
        Shapes: grad_output (b, t, d), results as query, key and value.
        Raises RuntimeError before the first forward, ValueError for another shape.
        """
        check_grad_output(grad_output, self.output_shape)
        parts = np.split(self.out_proj.backward(grad_output), self.num_heads, axis=2)
        gradients = zip(*(head.backward(part) for head, part in zip(self.heads, parts, strict=True)), strict=True)
        q_grad, k_grad, v_grad = (np.concatenate(each, axis=2) for each in gradients)
        return self.q_proj.backward(q_grad), self.k_proj.backward(k_grad), self.v_proj.backward(v_grad)

    # Given

    def load_torch_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take the parameters of a torch.nn.MultiheadAttention, whose three first projections are one matrix or three.

        Raises ValueError, with nothing changed, that lists every name that is missing, unexpected or of another shape.
        """
        names = ("q_proj", "k_proj", "v_proj")
        state = {name: np.asarray(value) for name, value in state_dict.items()}
        for kind, packed in (("weight", state.pop("in_proj_weight", None)), ("bias", state.pop("in_proj_bias", None))):
            if packed is not None:
                state |= {f"{name}.{kind}": part for name, part in zip(names, np.array_split(packed, 3), strict=True)}
        for name in names:
            if (separate := state.pop(f"{name}_weight", None)) is not None:
                state[f"{name}.weight"] = separate
        self.load_state_dict(state)

    def _draw(self, rng: np.random.Generator) -> None:
        """Weights uniform between ±√(6 / (inputs + outputs)), biases zero; out_proj.weight is as Linear drew it.

        Torch holds the first three in one matrix where they have the same shape, which counts as one of 3 d outputs.
        """
        outputs = self.embed_dim * (3 if self.kdim == self.vdim == self.embed_dim else 1)
        for projection in (self.q_proj, self.k_proj, self.v_proj):
            bound = np.sqrt(6 / (projection.in_features + outputs))  # Glorot and Bengio 2010
            projection.weight[...] = rng.uniform(-bound, bound, projection.weight.shape)
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.out_proj):
            if projection.bias is not None:
                projection.bias.fill(0)

    def _check(
        self,
        query: ndarray,
        key: ndarray,
        value: ndarray,
        key_padding_mask: ndarray | None,
        attn_mask: ndarray | None,
    ) -> None:
        inputs = (("query", query, self.embed_dim), ("key", key, self.kdim), ("value", value, self.vdim))
        for name, each, features in inputs:
            check_floats(name, each)
            check_shape(name, each, ("batch", "time", features))
            if len(each) != len(query):
                raise ValueError(f"{name} must have the batch of query, {len(query)}; got {len(each)}.")
        (batch, targets, _), sources = query.shape, key.shape[1]
        if value.shape[1] != sources:
            raise ValueError(f"value must have as many time steps as key, {sources}; got {value.shape[1]}.")
        if key_padding_mask is not None:
            check_booleans("key_padding_mask", key_padding_mask)
            check_shape("key_padding_mask", key_padding_mask, (batch, sources))
        if attn_mask is not None:
            check_booleans("attn_mask", attn_mask)
            if attn_mask.shape not in ((targets, sources), (batch, targets, sources)):
                shapes = f"({targets}, {sources}) or ({batch}, {targets}, {sources})"
                raise ValueError(f"attn_mask must have shape {shapes}; got {attn_mask.shape}.")
