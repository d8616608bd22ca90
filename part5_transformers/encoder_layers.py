"""The encoder's layer: each step attends to all, then goes through a network by itself."""

from __future__ import annotations

from torch import Tensor, nn

from part5_transformers.sublayers import Attended, FeedForwardLayer, SelfAttentionLayer


class SelfAttentionEncoderLayer(nn.Module):
    """Self-attention, then feed-forward.

    Equal to torch.nn.TransformerEncoderLayer(norm_first=True, activation="gelu", batch_first=True):

    | here              | there                     |
    |-------------------|---------------------------|
    | self_attn.mha.*   | self_attn.*               |
    | self_attn.norm.*  | norm1.*                   |
    | ffn.ffn.0.*       | linear1.*                 |
    | ffn.ffn.3.*       | linear2.*                 |
    | ffn.norm.*        | norm2.*                   |
    """

    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.self_attn = SelfAttentionLayer(d_model, num_heads, dropout)
        self.ffn = FeedForwardLayer(d_model, d_ff, dropout)

    def forward(self, x: Tensor, key_padding_mask: Tensor | None = None, need_weights: bool = True) -> Attended:
        """Compute the output (b, t, d), and the attention's weights (b, t, t) or None."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "layers.encoder: self-attention, then feed-forward. "
            "See part5_transformers/README.md; SFRATORCH_CODE=solution runs the reference."
        )
