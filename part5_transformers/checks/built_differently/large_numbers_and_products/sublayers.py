"""Sublayers: what a transformer's layers consist of. Each normalises, computes, and adds what it computed to its input.

x + dropout(f(norm(x))): the sum is never normalised itself, so gradients reach every layer unscaled     (pre-LN, Xiong
et al. 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from part5_transformers.cache import KeyValueCache

Attended = tuple[Tensor, Tensor | None]


class MultiHeadAttention(nn.Module):
    """Concat(head₁, …, headₕ) W_Oᵀ + b_O with headᵢ = softmax(Qᵢ Kᵢᵀ / √dₕ) Vᵢ     (Vaswani et al. 2017, §3.2.2).

    Parameters, as in torch.nn.MultiheadAttention: in_proj_weight (3 d_model, d_model) and in_proj_bias (3 d_model,), in
    the order query, key, value; out_proj.weight (d_model, d_model), out_proj.bias (d_model,).
    Raises ValueError unless num_heads divides d_model.
    """

    def __init__(self, d_model: int, num_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if num_heads < 1 or d_model % num_heads:
            raise ValueError(f"d_model must be divisible by num_heads; got d_model={d_model}, num_heads={num_heads}.")
        self.num_heads, self.dropout = num_heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * d_model, d_model))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * d_model))
        self.out_proj = nn.Linear(d_model, d_model)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        need_weights: bool = True,
        cache: KeyValueCache | None = None,
        is_causal: bool = False,
    ) -> Attended:
        """Compute the output, and the weights averaged over the heads, before dropout; None without need_weights.

        Masks are True where a key is ignored; a query that ignores all gets out_proj's bias and zero weights.
        is_causal says that attn_mask hides exactly the keys after each query; the result is the same without.
        With a cache, key and value are further steps of a sequence whose earlier ones it holds; a complete one is
        filled once.
        Shapes: query (b, t, d), key and value (b, s, d), key_padding_mask (b, s), attn_mask (t, s), output (b, t, d),
        weights (b, t, s).
        """
        if cache is not None:
            key, value = cache.missing(key), cache.missing(value)
        q, k, v = (self.split(x) for x in self.project(query, key, value))
        if cache is not None:
            k, v = cache.append(k, v)
        mask = merge_masks(key_padding_mask, attn_mask)
        if need_weights:
            output, weights = self.attend(q, k, v, mask)
        else:
            output, weights = self.attend_fused(q, k, v, mask, is_causal and key_padding_mask is None), None
        return self.out_proj(output.transpose(1, 2).flatten(2)), weights

    def project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project query, key and value, each to (b, ·, d).  Self-attention needs one product for all three."""
        d_model = query.shape[-1]
        weights, biases = self.in_proj_weight.view(3, d_model, d_model), self.in_proj_bias.view(3, d_model)
        q, k, v = (
            torch.einsum("btd,od->bto", x, weights[third]) + biases[third]
            for third, x in enumerate((query, key, value))
        )
        return q, k, v

    def split(self, x: Tensor) -> Tensor:
        """Split the heads: (b, t, d) to (b, heads, t, d / heads)."""
        return x.reshape(*x.shape[:2], self.num_heads, x.shape[-1] // self.num_heads).movedim(2, 1)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Attended:
        """Compute softmax(Q Kᵀ / √dₕ) V with dropout on the weights, and their mean over the heads before dropout.

        Shapes: q (b, h, t, dₕ), k and v (b, h, s, dₕ), mask broadcastable to (b, h, t, s), results (b, h, t, dₕ) and
        (b, t, s).
        """
        scores = torch.einsum("bhtd,bhsd->bhts", q, k) * q.shape[-1] ** -0.5
        if mask is None:
            weights = scores.log_softmax(-1).exp()
        else:
            weights = (scores - 1e10 * mask.to(q.dtype)).softmax(-1) * ~mask
        dropped = nn.Dropout(self.dropout).train(self.training)(weights)
        return torch.einsum("bhts,bhsd->bhtd", dropped, v), torch.einsum("bhts->bts", weights) / self.num_heads

    def attend_fused(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, is_causal: bool = False) -> Tensor:
        """Compute the same output with torch's fused function, whose mask is True where a key is seen.

        is_causal says that the mask hides exactly the keys after each query: torch then takes no mask, skips what is
        hidden, and keeps nothing of it for the backward pass.
        """
        dropout = self.dropout if self.training else 0.0
        if mask is None:
            return functional.scaled_dot_product_attention(q, k, v, None, dropout)
        sees_any = ~mask.all(dim=-1, keepdim=True)
        return functional.scaled_dot_product_attention(q, k, v, -1e10 * mask.to(q.dtype), dropout) * sees_any


def merge_masks(key_padding_mask: Tensor | None, attn_mask: Tensor | None) -> Tensor | None:
    """Merge two masks into one that broadcasts to (b, heads, t, s): True where either is; None if both are None."""
    padding = None if key_padding_mask is None else key_padding_mask[:, None, None]
    if attn_mask is None:
        return padding
    return attn_mask[None, None] if padding is None else attn_mask[None, None] | padding


class SelfAttentionLayer(nn.Module):
    """x + dropout(attention(q, q, q)) with q = norm(x).

    Parameters: mha as in torch's self_attn, norm.
    """

    def __init__(self, d_model: int, num_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.mha = MultiHeadAttention(d_model, num_heads, dropout)
        self.norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        need_weights: bool = True,
        cache: KeyValueCache | None = None,
        is_causal: bool = False,
    ) -> Attended:
        """Compute the output (b, t, d), and the weights (b, t, s) or None."""
        normed = self.norm(x)
        output, weights = self.mha(normed, normed, normed, key_padding_mask, attn_mask, need_weights, cache, is_causal)
        return x + self.dropout(output), weights


class CrossAttentionLayer(nn.Module):
    """x + dropout(attention(norm(x), y, y)): queries of x, keys and values of the encoder's output y.

    Parameters: mha as in torch's multihead_attn, norm.
    """

    def __init__(self, d_model: int, num_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.mha = MultiHeadAttention(d_model, num_heads, dropout)
        self.norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        y: Tensor,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        need_weights: bool = True,
        cache: KeyValueCache | None = None,
    ) -> Attended:
        """Compute the output (b, t, d), and the weights (b, t, s) or None.  y (b, s, d) is normalised already."""
        output, weights = self.mha(self.norm(x), y, y, key_padding_mask, attn_mask, need_weights, cache)
        return x + self.dropout(output), weights


class FeedForwardLayer(nn.Module):
    """x + dropout(W₂ dropout(GELU(W₁ norm(x) + b₁)) + b₂): each step by itself.

    Parameters: ffn.0 as torch's linear1, ffn.3 as linear2, norm.
    """

    def __init__(self, d_model: int, d_ff: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.ffn = nn.Sequential(nn.Linear(d_model, d_ff), nn.GELU(), nn.Dropout(dropout), nn.Linear(d_ff, d_model))
        self.norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the output.  Shapes: x and result (b, t, d)."""
        return x + self.dropout(self.ffn(self.norm(x)))
