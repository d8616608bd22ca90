"""What may go wrong in the encoder's and the decoders' layers."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

encoder = partial(mistake, "layers.encoder")
decoder = partial(mistake, "layers.decoder")
cross = partial(mistake, "layers.cross_decoder")

ENCODER_ATTENDS = "self.self_attn(x, key_padding_mask, need_weights=need_weights)"
DECODER_ATTENDS = "self.self_attn(x, key_padding_mask, attn_mask, need_weights, cache)"
RESULT = "return self.ffn(x), weights\n"

SELF_LINE = "x, self_weights = self.self_attn(x, dec_key_padding_mask, attn_mask, need_weights, cache)"
CROSS_LINE = "x, cross_weights = self.cross_attn(x, enc_output, enc_key_padding_mask, None, need_weights, cross_cache)"
LINES = f"{SELF_LINE}\n        {CROSS_LINE}"
CROSS_RESULT = "return self.ffn(x), self_weights, cross_weights"

MISTAKES = (
    encoder(
        "encoder: without the padding",
        (ENCODER_ATTENDS, "self.self_attn(x, need_weights=need_weights)"),
        says="the key_padding_mask is ignored",
    ),
    encoder(
        "encoder: a causal mask",
        (
            ENCODER_ATTENDS,
            "self.self_attn(x, key_padding_mask, x.new_ones(x.shape[1], x.shape[1]).triu(1).bool(), need_weights)",
        ),
    ),
    encoder(
        "encoder: every input added again",
        ("x, weights =", "y, weights ="),
        (RESULT, "x = x + y\n        return x + self.ffn(x), weights\n"),
        says="a sublayer's input is added to its output again; each sublayer does so itself",
    ),
    encoder(
        "encoder: feed-forward first",
        (ENCODER_ATTENDS, ENCODER_ATTENDS.replace("(x,", "(self.ffn(x),")),
        (RESULT, "return x, weights\n"),
        says="the feed-forward sublayer comes before the attention",
    ),
    decoder(
        "decoder: without the attn_mask",
        (DECODER_ATTENDS, DECODER_ATTENDS.replace("attn_mask,", "None,", 1)),
        says="the attn_mask is ignored",
    ),
    decoder(
        "decoder: the padding only without an attn_mask",
        (
            DECODER_ATTENDS,
            DECODER_ATTENDS.replace("key_padding_mask", "key_padding_mask if attn_mask is None else None"),
        ),
        says="the key_padding_mask is ignored",
    ),
    decoder(
        "decoder: a causal mask of its own",
        (
            DECODER_ATTENDS,
            DECODER_ATTENDS.replace("attn_mask,", "x.new_ones(x.shape[1], x.shape[1]).triu(1).bool(),"),
        ),
    ),
    decoder("decoder: without the cache", (DECODER_ATTENDS, DECODER_ATTENDS.replace(", cache", ""))),
    decoder("decoder: weights always", (DECODER_ATTENDS, DECODER_ATTENDS.replace("need_weights", "True"))),
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
        "cross decoder: the causal mask over the encoder's steps", (CROSS_LINE, CROSS_LINE.replace("None", "attn_mask"))
    ),
    cross(
        "cross decoder: the encoder's output normalised again",
        (CROSS_LINE, CROSS_LINE.replace("x, enc_output", "x, self.cross_attn.norm(enc_output)")),
    ),
    cross("cross decoder: without the cache", (SELF_LINE, SELF_LINE.replace(", cache", ""))),
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
