"""Whole transformers: a language model that reads and continues."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from part5_transformers.cache import KeyValueCache
from part5_transformers.decoder_layers import SelfAttentionDecoderLayer
from part5_transformers.incremental import IncrementalScorer
from part5_transformers.masks import CausalMask, PadMask
from part5_transformers.positional_encoding import PositionalEncoding
from part5_transformers.sublayers import MultiHeadAttention

AttentionMaps = dict[str, Tensor]


class DecoderOnlyTransformer(nn.Module):
    """A language model: embedding and positions, num_layers decoder layers, a final norm, logits.

    With weight_tying the logits' weight is the embedding.  With layer_drop_rate each layer is left out with this
    probability, in training alone     (Fan, Grave and Joulin 2020).
    Raises ValueError for sizes that are not positive, and rates outside 0 to 1.
    """

    def __init__(
        self,
        num_layers: int,
        d_model: int,
        num_heads: int,
        d_ff: int,
        dropout: float,
        max_len: int,
        num_classes: int,
        weight_tying: bool = False,
        layer_drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        for name, size in (("num_layers", num_layers), ("d_ff", d_ff), ("num_classes", num_classes)):
            if size < 1:
                raise ValueError(f"{name} must be positive; got {size}.")
        for name, rate in (("dropout", dropout), ("layer_drop_rate", layer_drop_rate)):
            if not 0 <= rate <= 1:
                raise ValueError(f"{name} must lie between 0 and 1; got {rate}.")
        self.num_classes, self.layer_drop_rate = num_classes, layer_drop_rate
        self.target_embedding = nn.Embedding(num_classes, d_model)
        self.positional_encoding = PositionalEncoding(d_model, max_len)
        self.dropout = nn.Dropout(dropout)
        self.dec_layers = nn.ModuleList(
            SelfAttentionDecoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(d_model)
        self.final_linear = nn.Linear(d_model, num_classes)
        initialise(self)
        self.embedding_scale = 1.0
        if weight_tying:
            self.embedding_scale = math.sqrt(d_model)
            nn.init.normal_(self.target_embedding.weight, std=1 / math.sqrt(d_model))
            self.final_linear.weight = self.target_embedding.weight

    def forward(
        self, padded_targets: Tensor, target_lengths: Tensor | None = None, return_attention: bool = True
    ) -> tuple[Tensor, AttentionMaps]:
        """The logits after every token, and the weights of every layer that ran, under layer1_dec_self and so on.

        Shapes: padded_targets (b, t), target_lengths (b,), logits (b, t, num_classes), weights (b, t, t).
        Raises ValueError without target_lengths in training, and for more tokens than max_len.
        """
        if self.training and target_lengths is None:
            raise ValueError("target_lengths must be given in training; got None. Without padding: the full length.")
        padding = None if target_lengths is None else PadMask(padded_targets, target_lengths)
        # YOUR CODE HERE
        raise NotImplementedError(
            "decoder_only.forward: embed, masked layers, norm, logits; the weights by layer. "
            "See part5_transformers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def embed(self, tokens: Tensor, offset: int = 0) -> Tensor:
        """Embedding times embedding_scale, plus positions from `offset` on, and dropout.  Shape: (b, t, d_model)."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "decoder_only.embed: scaled embedding, positions, dropout. "
            "See part5_transformers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def drops_layer(self) -> bool:
        """Whether to leave the next layer out: never in evaluation mode.  Uses torch's generator."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "decoder_only.layer_drop: with probability layer_drop_rate, in training. "
            "See part5_transformers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def score(self, prompts: Tensor) -> Tensor:
        """The logits (b, num_classes) of the token that follows each prompt (b, t).

        Raises RuntimeError in training mode.
        """
        self._check_evaluation("score")
        # YOUR CODE HERE
        raise NotImplementedError(
            "decoder_only.score: forward without weights; the last step. "
            "See part5_transformers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def incremental_scorer(self) -> IncrementalScorer:
        """A function that gives what `score` gives for ever longer rows, and computes each token once.

        Raises RuntimeError in training mode.
        """
        self._check_evaluation("incremental_scorer")
        return IncrementalScorer(self.score_further, len(self.dec_layers))

    def score_further(self, tokens: Tensor, caches: Sequence[KeyValueCache]) -> Tensor:
        """The logits (b, num_classes) after the last of these tokens (b, t), which follow what the caches hold.

        A token sees all that are stored, and those of its own row up to itself.
        """
        offset, time = len(caches[0]), tokens.shape[1]
        causal = torch.ones(time, offset + time, dtype=torch.bool, device=tokens.device).triu(offset + 1)
        # YOUR CODE HERE
        raise NotImplementedError(
            "decoder_only.score_further: embed from offset on; every layer with its cache. "
            "See part5_transformers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def _check_evaluation(self, what: str) -> None:
        if self.training:
            raise RuntimeError(f"{what} must be called in evaluation mode; got training mode. Call model.eval() first.")


def initialise(model: nn.Module) -> None:
    """Embeddings with unit variance, as the sinusoids have; linear weights normal(0, 1 / √inputs); biases 0."""
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=1 / math.sqrt(module.in_features))
            nn.init.zeros_(module.bias)
        if isinstance(module, MultiHeadAttention):
            nn.init.normal_(module.in_proj_weight, std=1 / math.sqrt(module.in_proj_weight.shape[1]))
