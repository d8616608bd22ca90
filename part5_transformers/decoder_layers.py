"""The decoders' layers: each step attends to those before it, and where there is an encoder, to its output."""

from __future__ import annotations

from torch import Tensor, nn

from part5_transformers.cache import KeyValueCache
from part5_transformers.sublayers import Attended, CrossAttentionLayer, FeedForwardLayer, SelfAttentionLayer


class SelfAttentionDecoderLayer(nn.Module):
    """Causal self-attention, then feed-forward: the layer of a language model.

    The names are those of SelfAttentionEncoderLayer; the attn_mask makes it a decoder's layer.
    """

    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.self_attn = SelfAttentionLayer(d_model, num_heads, dropout)
        self.ffn = FeedForwardLayer(d_model, d_ff, dropout)

    def forward(
        self,
        x: Tensor,
        key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        need_weights: bool = True,
        cache: KeyValueCache | None = None,
        is_causal: bool = False,
    ) -> Attended:
        """Compute the output (b, t, d), and the attention's weights (b, t, s) or None.

        is_causal says that attn_mask hides exactly the keys after each step; the result is the same without.
        """
        # YOUR CODE HERE
        raise NotImplementedError(
            "layers.decoder: masked self-attention, then feed-forward. "
            "See part5_transformers/README.md; SFRATORCH_CODE=solution runs the reference."
        )


class CrossAttentionDecoderLayer(nn.Module):
    """Causal self-attention, attention to the encoder's output, then feed-forward.

    Equal to torch.nn.TransformerDecoderLayer(norm_first=True, activation="gelu", batch_first=True):

    | here               | there                     |
    |--------------------|---------------------------|
    | self_attn.mha.*    | self_attn.*               |
    | self_attn.norm.*   | norm1.*                   |
    | cross_attn.mha.*   | multihead_attn.*          |
    | cross_attn.norm.*  | norm2.*                   |
    | ffn.ffn.0.*        | linear1.*                 |
    | ffn.ffn.3.*        | linear2.*                 |
    | ffn.norm.*         | norm3.*                   |
    """

    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.self_attn = SelfAttentionLayer(d_model, num_heads, dropout)
        self.cross_attn = CrossAttentionLayer(d_model, num_heads, dropout)
        self.ffn = FeedForwardLayer(d_model, d_ff, dropout)

    def forward(
        self,
        x: Tensor,
        enc_output: Tensor,
        dec_key_padding_mask: Tensor | None = None,
        enc_key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None,
        need_weights: bool = True,
        cache: KeyValueCache | None = None,
        cross_cache: KeyValueCache | None = None,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Compute the output (b, t, d), and the weights of both attentions, (b, t, ·), or None.

        enc_output (b, s, d) is the encoder's output; enc_key_padding_mask (b, s) hides its padding.  A cross_cache is
        complete: the keys and values of enc_output are computed once.  is_causal says that attn_mask hides exactly the
        keys after each step; the result is the same without.
        """
        # YOUR CODE HERE
        raise NotImplementedError(
            "layers.cross_decoder: masked self-attention, cross-attention, feed-forward. "
            "See part5_transformers/README.md; SFRATORCH_CODE=solution runs the reference."
        )
