"""What may go wrong in DecoderOnlyTransformer."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

embed = partial(Mistake, exercise="decoder_only.embed", file="transformers.py")
layer_drop = partial(Mistake, exercise="decoder_only.layer_drop", file="transformers.py")
forward = partial(Mistake, exercise="decoder_only.forward", file="transformers.py")
score = partial(Mistake, exercise="decoder_only.score", file="transformers.py")
score_further = partial(Mistake, exercise="decoder_only.score_further", file="transformers.py")

SCALED, POSITIONS = " * self.embedding_scale", "self.positional_encoding(embedded, offset)"
DROPS = "self.training and self.layer_drop_rate > 0 and bool(torch.rand(()) < self.layer_drop_rate)"
CALL, NUMBERS = "layer(x, padding, causal, return_attention)", "enumerate(self.dec_layers, start=1)"
LOGITS = "self.final_linear(self.norm(x)), attention"
FURTHER = "layer(x, attn_mask=causal, need_weights=False, cache=cache)"

MISTAKES = (
    embed("transformers: embedding unscaled", edits=((SCALED, ""),)),
    embed("transformers: embedding without positions", edits=((POSITIONS, "embedded"),)),
    embed("transformers: positions without the offset", edits=((POSITIONS, "self.positional_encoding(embedded)"),)),
    embed(
        "transformers: positions scaled too",
        edits=((SCALED, ""), (POSITIONS, f"{POSITIONS} * self.embedding_scale")),
    ),
    layer_drop(
        "transformers: layers dropped in evaluation too", edits=((DROPS, DROPS.replace("self.training and ", "")),)
    ),
    layer_drop("transformers: layers kept at the rate", edits=((DROPS, DROPS.replace("< self", "> self")),)),
    layer_drop("transformers: no layer is dropped", edits=((DROPS, "False"),)),
    layer_drop("transformers: all layers are dropped", edits=((DROPS, "self.training and self.layer_drop_rate > 0"),)),
    forward("transformers: without the causal mask", edits=((CALL, CALL.replace("causal", "None")),)),
    forward("transformers: without the padding mask", edits=((CALL, CALL.replace("padding", "None")),)),
    forward("transformers: without the final norm", edits=((LOGITS, "self.final_linear(x), attention"),)),
    forward("transformers: layers counted from 0", edits=((NUMBERS, "enumerate(self.dec_layers)"),)),
    forward(
        "transformers: layers in the opposite order",
        edits=((NUMBERS, "enumerate(reversed(self.dec_layers), start=1)"),),
    ),
    forward("transformers: the first layer alone", edits=((NUMBERS, "enumerate(self.dec_layers[:1], start=1)"),)),
    forward(
        "transformers: log-probabilities for logits",
        edits=((LOGITS, "self.final_linear(self.norm(x)).log_softmax(-1), attention"),),
    ),
    forward("transformers: no layer is dropped in forward", edits=(("if self.drops_layer():", "if False:"),)),
    forward(
        "transformers: weights asked for or not",
        edits=(
            (
                "            if return_attention:\n                attention[",
                "            if True:\n                attention[",
            ),
        ),
    ),
    score("transformers: the first step's logits", edits=(("logits[:, -1]", "logits[:, 0]"),)),
    score("transformers: all steps' logits", edits=(("logits[:, -1]", "logits"),)),
    score("transformers: probabilities", edits=(("logits[:, -1]", "logits[:, -1].softmax(-1)"),)),
    score_further(
        "transformers: pieces without an offset", edits=(("self.embed(tokens, offset)", "self.embed(tokens)"),)
    ),
    score_further(
        "transformers: pieces without a cache", edits=((FURTHER, FURTHER.replace("cache=cache", "cache=None")),)
    ),
    score_further(
        "transformers: pieces without a mask",
        edits=((FURTHER, FURTHER.replace("causal", "None")),),
    ),
    score_further(
        "transformers: one cache for all layers", edits=((FURTHER, FURTHER.replace("cache=cache", "cache=caches[0]")),)
    ),
    score_further(
        "transformers: pieces without the norm",
        edits=(("self.final_linear(self.norm(x[:, -1]))", "self.final_linear(x[:, -1])"),),
    ),
)
