"""Whole transformers: a language model, and an encoder-decoder that transcribes speech."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from part5_transformers.cache import KeyValueCache
from part5_transformers.decoder_layers import CrossAttentionDecoderLayer, SelfAttentionDecoderLayer
from part5_transformers.encoder_layers import SelfAttentionEncoderLayer
from part5_transformers.incremental import CrossAttentionScorer, IncrementalScorer
from part5_transformers.inputs import check_tokens
from part5_transformers.masks import CausalMask, PadMask
from part5_transformers.positional_encoding import PositionalEncoding
from part5_transformers.pretrained import fitting, read_decoder
from part5_transformers.speech_embedding import SpeechEmbedding
from part5_transformers.sublayers import MultiHeadAttention

AttentionMaps = dict[str, Tensor]
Run = tuple[Tensor, AttentionMaps]
Report = dict[str, list[tuple[str, Tensor]]]


class Encoded(NamedTuple):
    """An encoder's output (b, s, d_model), its padding mask (b, s), its attention's weights, and CTC's inputs."""

    encoded: Tensor
    pad_mask: Tensor
    attention: AttentionMaps
    ctc_inputs: dict[str, Tensor]


class Transformer(nn.Module):
    """The part that both transformers share: embedding and positions, the decoder's layers, a final norm, logits.

    With weight_tying the logits' weight is the embedding.  With layer_drop_rate each layer is left out with this
    probability, in training alone     (Fan, Grave and Joulin 2020).
    Raises ValueError for sizes that are not positive, and rates outside 0 to 1.
    """

    skip_decoder_pe = False

    def __init__(
        self,
        dec_layers: Sequence[nn.Module],
        d_model: int,
        dropout: float,
        max_len: int,
        num_classes: int,
        weight_tying: bool,
        layer_drop_rate: float,
    ) -> None:
        super().__init__()
        check_positive(num_layers=len(dec_layers), num_classes=num_classes)
        for name, rate in (("dropout", dropout), ("layer_drop_rate", layer_drop_rate)):
            if not 0 <= rate <= 1:
                raise ValueError(f"{name} must lie between 0 and 1; got {rate}.")
        self.num_classes, self.weight_tying, self.layer_drop_rate = num_classes, weight_tying, layer_drop_rate
        self.target_embedding = nn.Embedding(num_classes, d_model)
        self.positional_encoding = PositionalEncoding(d_model, max_len)
        self.dropout = nn.Dropout(dropout)
        self.dec_layers = nn.ModuleList(dec_layers)
        self.norm = nn.LayerNorm(d_model)
        self.final_linear = nn.Linear(d_model, num_classes)
        self.embedding_scale = math.sqrt(d_model) if weight_tying else 1.0

    def initialise(self) -> None:
        """Draw all weights, so that embeddings enter with unit variance, as the sinusoids do; tie them where asked to.

        Embeddings normal(0, 1), tied ones normal(0, 1 / √d_model); linear weights normal(0, 1 / √inputs); biases 0.
        """
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight)
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=1 / math.sqrt(module.in_features))
                nn.init.zeros_(module.bias)
            if isinstance(module, MultiHeadAttention):
                nn.init.normal_(module.in_proj_weight, std=1 / math.sqrt(module.in_proj_weight.shape[1]))
        if self.weight_tying:
            nn.init.normal_(self.target_embedding.weight, std=1 / self.embedding_scale)
            self.final_linear.weight = self.target_embedding.weight

    def embed(self, tokens: Tensor, offset: int = 0) -> Tensor:
        """Scale the embedding by embedding_scale, add positions from `offset` on unless skip_decoder_pe, and drop out.

        Shapes: tokens (b, t), result (b, t, d_model).
        Raises TypeError for tokens that are no tensor of integers, ValueError for another shape and unknown ones.
        """
        check_tokens("tokens", tokens, self.num_classes)
        embedded = functional.embedding(tokens, self.embedding_scale * self.target_embedding.weight)
        return self.dropout(embedded if self.skip_decoder_pe else self.positional_encoding(embedded, offset))

    def drops_layer(self) -> bool:
        """Say whether to leave the next layer out: never in evaluation mode.  Uses torch's generator."""
        return self.training and bool(torch.empty(()).bernoulli_(self.layer_drop_rate))

    def run(self, layers: nn.ModuleList, x: Tensor, *inputs: Any, names: Sequence[str], **options: Any) -> Run:
        """Run those of the layers that are not dropped; return x and each one's weights, by these names."""
        attention: AttentionMaps = {}
        for number, layer in [numbered for numbered in enumerate(layers, start=1) if not self.drops_layer()]:
            x, *weights = layer(x, *inputs, **options)
            named = zip(names, weights, strict=True)
            attention |= {f"layer{number}_{name}": each for name, each in named if each is not None}
        return x, attention

    def _padding(self, padded_targets: Tensor, target_lengths: Tensor | None) -> Tensor | None:
        """Return the padding mask (b, t), or None where nothing is padded."""
        if target_lengths is not None:
            mask = PadMask(padded_targets, target_lengths)
            return mask if mask.any() else None  # without padding all rows have one mask: less time and memory
        if self.training:
            raise ValueError(
                "target_lengths must be given in training; got None. Without padding: the full length of each row."
            )
        return None

    def _check_evaluation(self, what: str) -> None:
        if self.training:
            raise RuntimeError(f"{what} must be called in evaluation mode; got training mode. Call model.eval() first.")


class DecoderOnlyTransformer(Transformer):
    """A language model: each token's logits are those of the token that follows it."""

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
        check_positive(d_ff=d_ff)
        layers = [SelfAttentionDecoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        super().__init__(layers, d_model, dropout, max_len, num_classes, weight_tying, layer_drop_rate)
        self.initialise()

    def forward(
        self, padded_targets: Tensor, target_lengths: Tensor | None = None, return_attention: bool = True
    ) -> tuple[Tensor, AttentionMaps]:
        """Compute the logits after every token, and the weights of every layer that ran, as layer1_dec_self and so on.

        logits = final_linear(norm(x)), where x is the embedded tokens after every layer that is not dropped
        The weights are averaged over the heads, and left out without return_attention.
        Shapes: padded_targets (b, t), target_lengths (b,), logits (b, t, num_classes), weights (b, t, t).
        Raises ValueError without target_lengths in training, and for more tokens than max_len.
        """
        padding = self._padding(padded_targets, target_lengths)
        x, attention = self.run(
            self.dec_layers,
            self.embed(padded_targets),
            padding,
            CausalMask(padded_targets),
            need_weights=return_attention,
            is_causal=True,
            names=["dec_self"],
        )
        return self.final_linear(self.norm(x)), attention

    def score(self, prompts: Tensor) -> Tensor:
        """Compute the logits (b, num_classes) of the token that follows each prompt (b, t).

        Raises RuntimeError in training mode.
        """
        self._check_evaluation("score")
        return self.score_further(prompts, [KeyValueCache() for _ in self.dec_layers])

    def incremental_scorer(self) -> IncrementalScorer:
        """Return a function that gives what `score` gives for ever longer rows, and computes each token once.

        Raises RuntimeError in training mode.
        """
        self._check_evaluation("incremental_scorer")
        return IncrementalScorer(self.score_further, len(self.dec_layers))

    def score_further(self, tokens: Tensor, caches: Sequence[KeyValueCache]) -> Tensor:
        """Compute the logits (b, num_classes) after the last of these tokens (b, t), which follow those in the caches.

        A token attends to all that are stored, and to those of its own row up to itself.
        """
        offset = len(caches[0])
        causal = further_causal_mask(offset, tokens)
        x = self.embed(tokens, offset)
        for layer, cache in zip(self.dec_layers, caches, strict=True):
            x, _ = layer(x, attn_mask=causal, need_weights=False, cache=cache, is_causal=offset == 0)
        return self.final_linear(self.norm(x[:, -1]))


class EncoderDecoderTransformer(Transformer):
    """A recogniser: an encoder for speech, a decoder for its transcript, and a CTC head on the encoder.

    The encoder's positions can be left out with skip_encoder_pe, the decoder's with skip_decoder_pe.
    """

    def __init__(
        self,
        input_dim: int,
        time_reduction: int,
        reduction_method: str,
        num_encoder_layers: int,
        num_encoder_heads: int,
        d_ff_encoder: int,
        num_decoder_layers: int,
        num_decoder_heads: int,
        d_ff_decoder: int,
        d_model: int,
        dropout: float,
        max_len: int,
        num_classes: int,
        weight_tying: bool = False,
        layer_drop_rate: float = 0.0,
        skip_encoder_pe: bool = False,
        skip_decoder_pe: bool = False,
    ) -> None:
        check_positive(num_encoder_layers=num_encoder_layers, d_ff_encoder=d_ff_encoder, d_ff_decoder=d_ff_decoder)
        layers = [
            CrossAttentionDecoderLayer(d_model, num_decoder_heads, d_ff_decoder, dropout)
            for _ in range(num_decoder_layers)
        ]
        super().__init__(layers, d_model, dropout, max_len, num_classes, weight_tying, layer_drop_rate)
        self.skip_encoder_pe, self.skip_decoder_pe = skip_encoder_pe, skip_decoder_pe
        self.source_embedding = SpeechEmbedding(input_dim, d_model, time_reduction, reduction_method, dropout)
        self.enc_layers = nn.ModuleList(
            SelfAttentionEncoderLayer(d_model, num_encoder_heads, d_ff_encoder, dropout)
            for _ in range(num_encoder_layers)
        )
        self.encoder_norm = nn.LayerNorm(d_model)
        self.ctc_head = nn.Linear(d_model, num_classes)
        self.initialise()

    def encode(self, padded_sources: Tensor, source_lengths: Tensor, return_attention: bool = True) -> Encoded:
        """Encode speech; return its padding mask, the weights as layer1_enc_self and so on, and CTC's inputs as well.

        Shapes: padded_sources (b, t, input_dim), source_lengths (b,), encoded (b, s, d_model) with s = ⌈t /
        time_reduction⌉, padding mask (b, s), weights (b, s, s).
        Raises ValueError for lengths that are not between 1 and t, and for s above max_len unless positions are
        skipped.
        """
        embedded, lengths = self.source_embedding(padded_sources, source_lengths)
        embedded = self.dropout(embedded if self.skip_encoder_pe else self.positional_encoding(embedded))
        pad_mask = PadMask(embedded, lengths)
        x, attention = self.run(self.enc_layers, embedded, pad_mask, return_attention, names=["enc_self"])
        encoded = self.encoder_norm(x)
        return Encoded(encoded, pad_mask, attention, self.ctc_inputs(encoded, lengths))

    def ctc_inputs(self, encoded: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Compute CTC's inputs with ctc_head: log_probs (s, b, num_classes), time first, and lengths (b,)."""
        logits = self.ctc_head(encoded.transpose(0, 1))
        if logits.dtype != torch.float64:
            logits = logits.float()
        return {"log_probs": functional.log_softmax(logits, dim=-1), "lengths": lengths}

    def decode(
        self,
        padded_targets: Tensor,
        encoded: Tensor,
        target_lengths: Tensor | None = None,
        pad_mask: Tensor | None = None,
        return_attention: bool = True,
    ) -> tuple[Tensor, AttentionMaps]:
        """Compute the logits after every token, and the weights as layer1_dec_self, layer1_dec_cross and so on.

        Shapes: padded_targets (b, t), encoded (b, s, d_model), target_lengths (b,), pad_mask (b, s), logits (b, t,
        num_classes), weights (b, t, t) and (b, t, s).
        Raises ValueError without target_lengths in training, and for more tokens than max_len unless positions are
        skipped.
        """
        padding = self._padding(padded_targets, target_lengths)
        x, attention = self.run(
            self.dec_layers,
            self.embed(padded_targets),
            encoded,
            padding,
            pad_mask,
            CausalMask(padded_targets),
            need_weights=return_attention,
            is_causal=True,
            names=["dec_self", "dec_cross"],
        )
        return self.final_linear(self.norm(x)), attention

    def forward(
        self,
        padded_sources: Tensor,
        padded_targets: Tensor,
        source_lengths: Tensor,
        target_lengths: Tensor | None = None,
        return_attention: bool = True,
    ) -> tuple[Tensor, AttentionMaps, dict[str, Tensor]]:
        """Encode, then decode: logits, the weights of encoder and decoder, and CTC's inputs."""
        encoded, pad_mask, enc_attention, ctc_inputs = self.encode(padded_sources, source_lengths, return_attention)
        logits, dec_attention = self.decode(padded_targets, encoded, target_lengths, pad_mask, return_attention)
        return logits, enc_attention | dec_attention, ctc_inputs

    def score(self, prompts: Tensor, encoded: Tensor, pad_mask: Tensor | None = None) -> Tensor:
        """Compute the logits (k · b, num_classes) of the token that follows each prompt (k · b, t).

        The k prompts of an utterance stand one after another; encoded (b, s, d_model) and pad_mask (b, s) are repeated
        for each.
        Raises RuntimeError in training mode, ValueError for prompts that are no multiple of the utterances.
        """
        self._check_evaluation("score")
        return self.incremental_scorer(encoded, pad_mask)(prompts)

    def incremental_scorer(self, encoded: Tensor, pad_mask: Tensor | None = None) -> IncrementalScorer:
        """Return a function that gives what `score` gives for ever longer rows, and computes each token once.

        Raises RuntimeError in training mode.
        """
        self._check_evaluation("incremental_scorer")
        return CrossAttentionScorer(self.score_further, len(self.dec_layers), encoded, pad_mask)

    def score_further(
        self,
        tokens: Tensor,
        caches: Sequence[KeyValueCache],
        cross_caches: Sequence[KeyValueCache],
        encoded: Tensor,
        pad_mask: Tensor | None,
    ) -> Tensor:
        """Compute the logits (b, num_classes) after the last of these tokens (b, t), which follow those in the caches.

        A token attends to all that are stored, and to those of its own row up to itself.  The cross-attention's
        keys are computed in the first step, and stand in cross_caches from then on.
        """
        offset = len(caches[0])
        causal = further_causal_mask(offset, tokens)
        x = self.embed(tokens, offset)
        for layer, cache, cross_cache in zip(self.dec_layers, caches, cross_caches, strict=True):
            x, _, _ = layer(
                x,
                encoded,
                enc_key_padding_mask=pad_mask,
                attn_mask=causal,
                need_weights=False,
                cache=cache,
                cross_cache=cross_cache,
                is_causal=offset == 0,
            )
        return self.final_linear(self.norm(x[:, -1]))

    @classmethod
    def from_pretrained_decoder(
        cls, decoder_checkpoint_path: str | PathLike[str], config: Mapping[str, Any]
    ) -> tuple[EncoderDecoderTransformer, Report]:
        """Build a model of this config (the constructor's arguments) whose decoder begins as a language model's.

        The checkpoint holds a DecoderOnlyTransformer's state dict, by itself or under "model".  The report names every
        parameter of the model once: under "transferred" where the checkpoint has it, under "new" otherwise.  What the
        checkpoint has beyond that stands under "unused".  Vocabulary-sized parameters are transferred only between
        equal vocabularies, both tied or both not.
        Raises ValueError for a file that is no such checkpoint or holds code, and for one of another d_model or d_ff.
        """
        model = cls(**config)
        pretrained = read_decoder(decoder_checkpoint_path)
        transferable, own = fitting(pretrained, model), dict(model.named_parameters())
        model.load_state_dict(transferable, strict=False)
        report: Report = {"transferred": [], "new": [], "unused": []}
        for name, parameter in own.items():
            report["transferred" if name in transferable else "new"].append((name, parameter))
        report["unused"] = [(name, pretrained[name]) for name in sorted(pretrained.keys() - transferable.keys())]
        return model, report


def further_causal_mask(offset: int, tokens: Tensor) -> Tensor | None:
    """Return True for every key after the query, where tokens (b, t) follow `offset` others: (t, offset + t).

    None for a single token, which attends to everything.
    """
    time = tokens.shape[1]
    if time == 1:
        return None
    return torch.ones(time, offset + time, dtype=torch.bool, device=tokens.device).triu(offset + 1)


def check_positive(**sizes: int) -> None:
    """Raise ValueError for a size below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be positive; got {size}.")
