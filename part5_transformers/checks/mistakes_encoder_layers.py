"""Known mistakes in the encoder's layer."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

encoder = partial(mistake, "layers.encoder")

ATTENDS = "self.self_attn(x, key_padding_mask, need_weights=need_weights)"
RESULT = "return self.ffn(x), weights\n"

MISTAKES = (
    encoder(
        "encoder: without the padding",
        (ATTENDS, "self.self_attn(x, need_weights=need_weights)"),
        says="the key_padding_mask is ignored",
    ),
    encoder(
        "encoder: a causal mask",
        (
            ATTENDS,
            "self.self_attn(x, key_padding_mask, x.new_ones(x.shape[1], x.shape[1]).triu(1).bool(), need_weights)",
        ),
        says="the attention is causal though no mask says so; every step must see all",
    ),
    encoder(
        "encoder: every input added again",
        ("x, weights =", "y, weights ="),
        (RESULT, "x = x + y\n        return x + self.ffn(x), weights\n"),
        says="a sublayer's input is added to its output again; each sublayer does so itself",
    ),
    encoder(
        "encoder: feed-forward first",
        (ATTENDS, ATTENDS.replace("(x,", "(self.ffn(x),")),
        (RESULT, "return x, weights\n"),
        says="the feed-forward sublayer comes before the attention",
    ),
    encoder(
        "encoder: without feed-forward",
        (RESULT, "return x, weights\n"),
        says="the feed-forward sublayer is missing",
    ),
    encoder(
        "encoder: only the weights of the attention",
        ("x, weights =", "_, weights ="),
        says="the self-attention is missing",
    ),
)
