"""What may go wrong in the encoder's and the decoders' layers."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

encoder = partial(Mistake, exercise="layers.encoder", file="encoder_layers.py")
decoder = partial(Mistake, exercise="layers.decoder", file="decoder_layers.py")
cross = partial(Mistake, exercise="layers.cross_decoder", file="decoder_layers.py")

ENCODER_ATTENDS = "self.self_attn(x, key_padding_mask, need_weights=need_weights)"
DECODER_ATTENDS = "self.self_attn(x, key_padding_mask, attn_mask, need_weights, cache)"
RESULT = "return self.ffn(x), weights\n"

SELF_LINE = "x, self_weights = self.self_attn(x, dec_key_padding_mask, attn_mask, need_weights, cache)"
CROSS_LINE = "x, cross_weights = self.cross_attn(x, enc_output, enc_key_padding_mask, None, need_weights, cross_cache)"
LINES = f"{SELF_LINE}\n        {CROSS_LINE}"
CROSS_RESULT = "return self.ffn(x), self_weights, cross_weights"

MISTAKES = (
    encoder("encoder: without the padding", edits=((ENCODER_ATTENDS, "self.self_attn(x, need_weights=need_weights)"),)),
    encoder(
        "encoder: a causal mask",
        edits=(
            (
                ENCODER_ATTENDS,
                "self.self_attn(x, key_padding_mask, x.new_ones(x.shape[1], x.shape[1]).triu(1).bool(), need_weights)",
            ),
        ),
    ),
    encoder(
        "encoder: every input added again",
        edits=(
            ("x, weights =", "y, weights ="),
            (RESULT, "x = x + y\n        return x + self.ffn(x), weights\n"),
        ),
    ),
    encoder(
        "encoder: feed-forward first",
        edits=((ENCODER_ATTENDS, ENCODER_ATTENDS.replace("(x,", "(self.ffn(x),")), (RESULT, "return x, weights\n")),
    ),
    decoder(
        "decoder: without the attn_mask", edits=((DECODER_ATTENDS, DECODER_ATTENDS.replace("attn_mask,", "None,", 1)),)
    ),
    decoder(
        "decoder: the padding only without an attn_mask",
        edits=(
            (
                DECODER_ATTENDS,
                DECODER_ATTENDS.replace("key_padding_mask", "key_padding_mask if attn_mask is None else None"),
            ),
        ),
    ),
    decoder(
        "decoder: a causal mask of its own",
        edits=(
            (
                DECODER_ATTENDS,
                DECODER_ATTENDS.replace("attn_mask,", "x.new_ones(x.shape[1], x.shape[1]).triu(1).bool(),"),
            ),
        ),
    ),
    decoder("decoder: without the cache", edits=((DECODER_ATTENDS, DECODER_ATTENDS.replace(", cache", "")),)),
    decoder("decoder: weights always", edits=((DECODER_ATTENDS, DECODER_ATTENDS.replace("need_weights", "True")),)),
    cross("cross decoder: cross-attention first", edits=((LINES, f"{CROSS_LINE}\n        {SELF_LINE}"),)),
    cross(
        "cross decoder: feed-forward between the attentions",
        edits=(
            (LINES, f"{SELF_LINE}\n        x = self.ffn(x)\n        {CROSS_LINE}"),
            (CROSS_RESULT, CROSS_RESULT.replace("self.ffn(x)", "x")),
        ),
    ),
    cross(
        "cross decoder: the encoder's padding ignored",
        edits=((CROSS_LINE, CROSS_LINE.replace("enc_key_padding_mask", "None")),),
    ),
    cross(
        "cross decoder: the decoder's padding ignored",
        edits=((SELF_LINE, SELF_LINE.replace("dec_key_padding_mask", "None")),),
    ),
    cross(
        "cross decoder: the causal mask over the encoder's steps",
        edits=((CROSS_LINE, CROSS_LINE.replace("None", "attn_mask")),),
    ),
    cross(
        "cross decoder: the encoder's output normalised again",
        edits=((CROSS_LINE, CROSS_LINE.replace("x, enc_output", "x, self.cross_attn.norm(enc_output)")),),
    ),
    cross("cross decoder: without the cache", edits=((SELF_LINE, SELF_LINE.replace(", cache", "")),)),
    cross(
        "cross decoder: weights exchanged",
        edits=((CROSS_RESULT, CROSS_RESULT.replace("self_weights, cross_weights", "cross_weights, self_weights")),),
    ),
    cross(
        "cross decoder: no gradient for the encoder",
        edits=((CROSS_LINE, CROSS_LINE.replace("enc_output,", "enc_output.detach(),")),),
    ),
)
