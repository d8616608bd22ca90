"""Known mistakes in DecoderOnlyTransformer."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

embed = partial(mistake, "decoder_only.embed")
layer_drop = partial(mistake, "decoder_only.layer_drop")
forward = partial(mistake, "decoder_only.forward")
score = partial(mistake, "decoder_only.score")
score_further = partial(mistake, "decoder_only.score_further")

SCALED, POSITIONS = " * self.embedding_scale", "self.positional_encoding(embedded, offset)"
DROPS = "self.training and self.layer_drop_rate > 0 and bool(torch.rand(()) < self.layer_drop_rate)"
CALL, NUMBERS = (
    "layer(x, padding, causal, need_weights=return_attention, is_causal=True)",
    "enumerate(self.dec_layers, start=1)",
)
LOGITS = "self.final_linear(self.norm(x)), attention"
FURTHER = "layer(x, attn_mask=causal, need_weights=False, cache=cache, is_causal=offset == 0)"

MISTAKES = (
    embed("transformers: embedding unscaled", (SCALED, ""), says="the embedding is not multiplied by embedding_scale"),
    embed(
        "transformers: embedding scaled twice",
        (SCALED, f"{SCALED}{SCALED}"),
        says="the embedding is multiplied by embedding_scale twice",
    ),
    embed(
        "transformers: positions always",
        ("if not self.skip_decoder_pe:", "if True:"),
        says="positions are added though they are to be skipped",
    ),
    embed("transformers: embedding without positions", (POSITIONS, "embedded"), says="the positions are missing"),
    embed(
        "transformers: positions without the offset",
        (POSITIONS, "self.positional_encoding(embedded)"),
        says="the positions begin at 0; they must begin at the offset",
    ),
    embed(
        "transformers: positions scaled too",
        (SCALED, ""),
        (POSITIONS, f"{POSITIONS} * self.embedding_scale"),
        says="the positions are multiplied by embedding_scale too",
    ),
    layer_drop("transformers: layers dropped in evaluation too", (DROPS, DROPS.replace("self.training and ", ""))),
    layer_drop(
        "transformers: layers kept at the rate",
        (DROPS, DROPS.replace("< self", "> self")),
        says="layers are kept at the rate, not dropped",
    ),
    layer_drop("transformers: no layer is dropped", (DROPS, "False"), says="no layer is dropped in training"),
    layer_drop(
        "transformers: all layers are dropped",
        (DROPS, "self.training and self.layer_drop_rate > 0"),
        says="every layer is dropped in training",
    ),
    forward(
        "transformers: without the causal mask",
        (CALL, CALL.replace("causal, need", "None, need").replace("True", "False")),
        says="the causal mask is missing",
    ),
    forward(
        "transformers: without the padding mask",
        (CALL, CALL.replace("padding", "None")),
        says="the padding mask is missing",
    ),
    forward(
        "transformers: without the final norm",
        (LOGITS, "self.final_linear(x), attention"),
        says="the final norm is missing",
    ),
    forward("transformers: layers counted from 0", (NUMBERS, "enumerate(self.dec_layers)")),
    forward(
        "transformers: layers in the opposite order",
        (NUMBERS, "enumerate(reversed(self.dec_layers), start=1)"),
        says="the layers run in the opposite order",
    ),
    forward(
        "transformers: the first layer alone",
        (NUMBERS, "enumerate(self.dec_layers[:1], start=1)"),
        says="only the first layer runs",
    ),
    forward(
        "transformers: log-probabilities for logits",
        (LOGITS, "self.final_linear(self.norm(x)).log_softmax(-1), attention"),
        says="these are log-probabilities; the logits themselves are asked for",
    ),
    forward("transformers: no layer is dropped in forward", ("if self.drops_layer():", "if False:")),
    forward(
        "transformers: weights asked for or not",
        (
            "            if return_attention:\n                attention[",
            "            if True:\n                attention[",
        ),
        says="the weights are given, although return_attention is False",
    ),
    score(
        "transformers: the first step's logits",
        ("logits[:, -1]", "logits[:, 0]"),
        says="these are the logits after the first token; those after the last are asked for",
    ),
    score(
        "transformers: all steps' logits",
        ("logits[:, -1]", "logits"),
        says="these are the logits after every token; those after the last are asked for",
    ),
    score(
        "transformers: probabilities",
        ("logits[:, -1]", "logits[:, -1].softmax(-1)"),
        says="these are probabilities; the logits themselves are asked for",
    ),
    score_further(
        "transformers: pieces without an offset",
        ("self.embed(tokens, offset)", "self.embed(tokens)"),
        says="the positions begin at 0 in every piece; they must go on",
    ),
    score_further("transformers: pieces without a cache", (FURTHER, FURTHER.replace("cache=cache", "cache=None"))),
    score_further(
        "transformers: pieces without a mask",
        (FURTHER, FURTHER.replace("=causal", "=None").replace("offset == 0", "False")),
        says="the causal mask is missing: a token sees those that follow it in its piece",
    ),
    score_further(
        "transformers: one cache for all layers", (FURTHER, FURTHER.replace("cache=cache", "cache=caches[0]"))
    ),
    score_further(
        "transformers: pieces without the norm",
        ("self.final_linear(self.norm(x[:, -1]))", "self.final_linear(x[:, -1])"),
        says="the final norm is missing",
    ),
)
