"""Known mistakes in the decoders' layers."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

decoder = partial(mistake, "layers.decoder")
cross = partial(mistake, "layers.cross_decoder")

ATTENDS = "self.self_attn(x, key_padding_mask, attn_mask, need_weights, cache, is_causal)"
RESULT = "return self.ffn(x), weights\n"

SELF_LINE = "x, self_weights = self.self_attn(x, dec_key_padding_mask, attn_mask, need_weights, cache, is_causal)"
CROSS_LINE = """x, cross_weights = self.cross_attn(
            x, enc_output, enc_key_padding_mask, need_weights=need_weights, cache=cross_cache
        )"""
LINES = f"{SELF_LINE}\n        {CROSS_LINE}"
LINES_TWICE = (
    f"y, {SELF_LINE.removeprefix('x, ')}\n        x = x + y\n"
    f"        y, {CROSS_LINE.removeprefix('x, ')}\n        x = x + y"
)
CROSS_RESULT = "return self.ffn(x), self_weights, cross_weights"

MISTAKES = (
    decoder(
        "decoder: without the attn_mask",
        (ATTENDS, ATTENDS.replace("attn_mask,", "None,", 1)),
        says="the attn_mask is ignored",
    ),
    decoder(
        "decoder: the padding only without an attn_mask",
        (
            ATTENDS,
            ATTENDS.replace("key_padding_mask", "key_padding_mask if attn_mask is None else None"),
        ),
        says="the key_padding_mask is ignored",
    ),
    decoder(
        "decoder: a causal mask of its own",
        (
            ATTENDS,
            ATTENDS.replace("attn_mask,", "x.new_ones(x.shape[1], x.shape[1]).triu(1).bool(),"),
        ),
        says="the attention is causal though no mask says so; every step must see all",
    ),
    decoder(
        "decoder: every input added again",
        ("x, weights =", "y, weights ="),
        (RESULT, "x = x + y\n        return x + self.ffn(x), weights\n"),
        says="a sublayer's input is added to its output again; each sublayer does so itself",
    ),
    decoder(
        "decoder: feed-forward first",
        (ATTENDS, ATTENDS.replace("(x,", "(self.ffn(x),")),
        (RESULT, "return x, weights\n"),
        says="the feed-forward sublayer comes before the attention",
    ),
    decoder(
        "decoder: without feed-forward",
        (RESULT, "return x, weights\n"),
        says="the feed-forward sublayer is missing",
    ),
    decoder(
        "decoder: only the weights of the attention",
        ("x, weights =", "_, weights ="),
        says="the self-attention is missing",
    ),
    decoder("decoder: without the cache", (ATTENDS, ATTENDS.replace("cache", "None"))),
    decoder("decoder: weights always", (ATTENDS, ATTENDS.replace("need_weights", "True"))),
    cross(
        "cross decoder: cross-attention first",
        (LINES, f"{CROSS_LINE}\n        {SELF_LINE}"),
        says="the cross-attention comes before the self-attention",
    ),
    cross(
        "cross decoder: feed-forward between the attentions",
        (LINES, f"{SELF_LINE}\n        x = self.ffn(x)\n        {CROSS_LINE}"),
        (CROSS_RESULT, CROSS_RESULT.replace("self.ffn(x)", "x")),
        says="the feed-forward sublayer stands between the attentions",
    ),
    cross(
        "cross decoder: feed-forward first",
        (SELF_LINE, SELF_LINE.replace("(x,", "(self.ffn(x),")),
        (CROSS_RESULT, CROSS_RESULT.replace("self.ffn(x)", "x")),
        says="the feed-forward sublayer comes first",
    ),
    cross(
        "cross decoder: without feed-forward",
        (CROSS_RESULT, CROSS_RESULT.replace("self.ffn(x)", "x")),
        says="the feed-forward sublayer is missing",
    ),
    cross(
        "cross decoder: only the weights of the self-attention",
        (SELF_LINE, SELF_LINE.replace("x, self", "_, self", 1)),
        says="the self-attention is missing",
    ),
    cross(
        "cross decoder: only the weights of the cross-attention",
        (CROSS_LINE, CROSS_LINE.replace("x, cross", "_, cross", 1)),
        says="the cross-attention is missing",
    ),
    cross(
        "cross decoder: every input added again",
        (LINES, LINES_TWICE),
        (CROSS_RESULT, CROSS_RESULT.replace("self.ffn(x)", "x + self.ffn(x)")),
        says="a sublayer's input is added to its output again; each sublayer does so itself",
    ),
    cross(
        "cross decoder: the encoder's padding ignored",
        (CROSS_LINE, CROSS_LINE.replace("enc_key_padding_mask", "None")),
        says="the enc_key_padding_mask is ignored",
    ),
    cross(
        "cross decoder: the decoder's padding ignored",
        (SELF_LINE, SELF_LINE.replace("dec_key_padding_mask", "None")),
        says="the dec_key_padding_mask is ignored",
    ),
    cross(
        "cross decoder: the causal mask over the encoder's steps",
        (CROSS_LINE, CROSS_LINE.replace("enc_key_padding_mask,", "enc_key_padding_mask, attn_mask,")),
    ),
    cross(
        "cross decoder: the encoder's output normalised again",
        (CROSS_LINE, CROSS_LINE.replace("x, enc_output", "x, self.cross_attn.norm(enc_output)")),
        says="the encoder's output is normalised once more",
    ),
    cross("cross decoder: without the cache", (SELF_LINE, SELF_LINE.replace("cache", "None"))),
    cross(
        "cross decoder: weights exchanged",
        (CROSS_RESULT, CROSS_RESULT.replace("self_weights, cross_weights", "cross_weights, self_weights")),
        says="the weights of the two attentions are exchanged",
    ),
    cross(
        "cross decoder: no gradient for the encoder",
        (CROSS_LINE, CROSS_LINE.replace("enc_output,", "enc_output.detach(),")),
    ),
)
