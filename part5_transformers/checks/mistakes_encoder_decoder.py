"""Known mistakes in EncoderDecoderTransformer."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

ctc_inputs = partial(mistake, "encoder_decoder.ctc_inputs")
encode = partial(mistake, "encoder_decoder.encode")
decode = partial(mistake, "encoder_decoder.decode")
score = partial(mistake, "encoder_decoder.score")
score_further = partial(mistake, "encoder_decoder.score_further")
transfer = partial(mistake, "encoder_decoder.transfer")

LOG_PROBS = "logits.log_softmax(dim=-1, dtype=precise).transpose(0, 1)"
ENCODED_POSITIONS, DROPOUT = "if not self.skip_encoder_pe:", "x, pad_mask = self.dropout(x), PadMask(x, lengths)"
ENCODER_CALL, ENCODER_NUMBERS = "layer(x, pad_mask, return_attention)", "enumerate(self.enc_layers, start=1)"
ENCODED, GIVEN = "encoded = self.encoder_norm(x)", "self.ctc_inputs(encoded, lengths)"
DECODER_CALL = "x, encoded, padding, pad_mask, causal, need_weights=return_attention, is_causal=True"
DECODER_NUMBERS, LOGITS = "enumerate(self.dec_layers, start=1)", "self.final_linear(self.norm(x)), attention"
DROPS = "            if self.drops_layer():\n                continue\n"
ASKED_FOR = "            if return_attention:\n"
REPEATED = "repeated(encoded, len(prompts)), repeated(pad_mask, len(prompts))"
REPEATED_BY_TURNS = (
    "encoded.repeat(len(prompts) // len(encoded), 1, 1), "
    "None if pad_mask is None else pad_mask.repeat(len(prompts) // len(encoded), 1)"
)
SCORED = "self.decode(prompts, encoded, pad_mask=pad_mask, return_attention=False)"
CAUSAL = (" attn_mask=causal,\n", " attn_mask=None,\n"), (" is_causal=offset == 0,\n", " is_causal=False,\n")
CACHE, CROSS_CACHE = " cache=cache,\n", " cross_cache=cross_cache,\n"
EVERY, UNLESS_IT_FITS = (
    "for name, value in transferable.items():",
    "if name not in own or own[name].shape != value.shape: continue",
)
COPY = "own[name].copy_(value)"
TRANSFERRED = "[(name, parameter) for name, parameter in own.items() if name in transferable]"
NEW = "[(name, parameter) for name, parameter in own.items() if name not in transferable]"
UNUSED = "[(name, value) for name, value in pretrained.items() if name not in transferable]"

MISTAKES = (
    ctc_inputs(
        "encoder-decoder: logits for CTC", (LOG_PROBS, "logits.transpose(0, 1)"), says="the log-softmax is missing"
    ),
    ctc_inputs(
        "encoder-decoder: probabilities for CTC",
        (LOG_PROBS, LOG_PROBS.replace("log_", "")),
        says="the softmax has no logarithm",
    ),
    ctc_inputs(
        "encoder-decoder: softmax over time",
        (LOG_PROBS, LOG_PROBS.replace("dim=-1", "dim=1")),
        says="the log-softmax is over time",
    ),
    ctc_inputs(
        "encoder-decoder: softmax over the batch",
        (LOG_PROBS, LOG_PROBS.replace("dim=-1", "dim=0")),
        says="the log-softmax is over the batch",
    ),
    ctc_inputs(
        "encoder-decoder: time not first",
        (LOG_PROBS, LOG_PROBS.replace(".transpose(0, 1)", "")),
        says="time is not first",
    ),
    ctc_inputs(
        "encoder-decoder: time first before the softmax over it",
        (LOG_PROBS, "logits.transpose(0, 1).log_softmax(dim=0, dtype=precise)"),
        says="the log-softmax is over time",
    ),
    ctc_inputs("encoder-decoder: CTC in bfloat16", (LOG_PROBS, LOG_PROBS.replace(", dtype=precise", ""))),
    ctc_inputs("encoder-decoder: CTC always in float32", (LOG_PROBS, LOG_PROBS.replace("precise", "torch.float32"))),
    encode(
        "encoder-decoder: encoder's positions never",
        (ENCODED_POSITIONS, "if False:"),
        says="the positions are missing",
    ),
    encode(
        "encoder-decoder: encoder's positions always",
        (ENCODED_POSITIONS, "if True:"),
        says="positions are added though they are to be skipped",
    ),
    encode(
        "encoder-decoder: encoder's positions by the decoder's choice",
        (ENCODED_POSITIONS, "if not self.skip_decoder_pe:"),
        says="positions are added where they are to be skipped, and skipped where they are to be added",
    ),
    encode(
        "encoder-decoder: encoder sees padding",
        (ENCODER_CALL, "layer(x, None, return_attention)"),
        says="the encoder's padding is not masked",
    ),
    encode("encoder-decoder: encoder without a norm", (ENCODED, "encoded = x"), says="the final norm is missing"),
    encode(
        "encoder-decoder: encoder with the decoder's norm",
        (ENCODED, "encoded = self.norm(x)"),
        says="the final norm is not the encoder's: the weight and bias of encoder_norm are missing",
    ),
    encode(
        "encoder-decoder: CTC before the norm", (GIVEN, "self.ctc_inputs(x, lengths)"), says="the final norm is missing"
    ),
    encode(
        "encoder-decoder: CTC detached",
        (GIVEN, "self.ctc_inputs(encoded.detach(), lengths)"),
        says="no gradient passes from CTC's inputs to the encoder",
    ),
    encode(
        "encoder-decoder: CTC with the original lengths",
        (GIVEN, "self.ctc_inputs(encoded, source_lengths)"),
        says="the lengths are those of the sources; they must be those after the reduction of time",
    ),
    encode("encoder-decoder: log-probabilities alone for CTC", (GIVEN, f'{GIVEN}["log_probs"]')),
    encode(
        "encoder-decoder: mask of the original lengths",
        (DROPOUT, DROPOUT.replace("(x, lengths)", "(x, source_lengths.clamp(max=x.shape[1]))")),
        says="the padding mask has the lengths of the sources; it must have those after the reduction of time",
    ),
    encode("encoder-decoder: no dropout after the positions", (DROPOUT, DROPOUT.replace("self.dropout(x)", "x"))),
    encode("encoder-decoder: encoder's layers counted from 0", (ENCODER_NUMBERS, "enumerate(self.enc_layers)")),
    encode(
        "encoder-decoder: encoder's layers in the opposite order",
        (ENCODER_NUMBERS, "enumerate(reversed(self.enc_layers), start=1)"),
        says="the layers run in the opposite order",
    ),
    encode("encoder-decoder: no layer is dropped in encode", (DROPS, "")),
    encode(
        "encoder-decoder: those that run are counted in encode",
        ('attention[f"layer{number}_enc_self"]', 'attention[f"layer{len(attention) + 1}_enc_self"]'),
    ),
    encode(
        "encoder-decoder: encoder's weights asked for or not",
        (ASKED_FOR, "            if True:\n"),
        says="the weights are given, although return_attention is False",
    ),
    decode(
        "encoder-decoder: without the causal mask",
        (DECODER_CALL, DECODER_CALL.replace("causal, need", "None, need").replace("True", "False")),
        says="the causal mask is missing",
    ),
    decode(
        "encoder-decoder: decoder sees padding",
        (DECODER_CALL, DECODER_CALL.replace("padding", "None")),
        says="the decoder's padding is not masked",
    ),
    decode(
        "encoder-decoder: cross-attention sees padding",
        (DECODER_CALL, DECODER_CALL.replace("pad_mask", "None")),
        says="the cross-attention looks at the encoder's padding",
    ),
    decode(
        "encoder-decoder: decoder without a norm",
        (LOGITS, "self.final_linear(x), attention"),
        says="the final norm is missing",
    ),
    decode(
        "encoder-decoder: decoder with the encoder's norm",
        (LOGITS, "self.final_linear(self.encoder_norm(x)), attention"),
        says="the final norm is not the decoder's: the weight and bias of norm are missing",
    ),
    decode(
        "encoder-decoder: log-probabilities for logits",
        (LOGITS, "self.final_linear(self.norm(x)).log_softmax(-1), attention"),
        says="these are log-probabilities; the logits themselves are asked for",
    ),
    decode(
        "encoder-decoder: weights exchanged",
        ("x, self_weights, cross_weights = layer", "x, cross_weights, self_weights = layer"),
        says="the weights of the two attentions are exchanged",
    ),
    decode(
        "encoder-decoder: decoder's layers in the opposite order",
        (DECODER_NUMBERS, "enumerate(reversed(self.dec_layers), start=1)"),
        says="the layers run in the opposite order",
    ),
    decode("encoder-decoder: decoder's layers counted from 0", (DECODER_NUMBERS, "enumerate(self.dec_layers)")),
    decode("encoder-decoder: no layer is dropped in decode", (DROPS, "")),
    decode(
        "encoder-decoder: decoder's weights asked for or not",
        (ASKED_FOR, "            if True:\n"),
        says="the weights are given, although return_attention is False",
    ),
    decode(
        "encoder-decoder: decode without the encoder's gradient",
        (DECODER_CALL, DECODER_CALL.replace("encoded", "encoded.detach()")),
    ),
    decode(
        "encoder-decoder: decode embeds without positions",
        ("self.embed(padded_targets)", "self.dropout(self.target_embedding(padded_targets))"),
        says="the tokens are embedded without embed, which scales them and adds their positions",
    ),
    score(
        "encoder-decoder: utterances repeated by turns",
        (REPEATED, REPEATED_BY_TURNS),
        says="the utterances are repeated by turns; the prompts of one stand one after another",
    ),
    score(
        "encoder-decoder: encoded alone repeated by turns",
        (REPEATED, "encoded.repeat(len(prompts) // len(encoded), 1, 1), repeated(pad_mask, len(prompts))"),
        says="what was encoded is repeated by turns, and its mask is not",
    ),
    score("encoder-decoder: mask not repeated", (REPEATED, "repeated(encoded, len(prompts)), pad_mask")),
    score("encoder-decoder: nothing repeated", (REPEATED, "encoded, pad_mask")),
    score(
        "encoder-decoder: scored without a mask",
        (SCORED, SCORED.replace("pad_mask=pad_mask, ", "")),
        says="the cross-attention looks at the encoder's padding",
    ),
    score(
        "encoder-decoder: the first step's logits",
        ("logits[:, -1]", "logits[:, 0]"),
        says="these are the logits after the first token; those after the last are asked for",
    ),
    score(
        "encoder-decoder: log-probabilities for scores",
        ("logits[:, -1]", "logits[:, -1].log_softmax(-1)"),
        says="these are log-probabilities; the logits themselves are asked for",
    ),
    score_further(
        "encoder-decoder: pieces without an offset",
        ("self.embed(tokens, offset)", "self.embed(tokens)"),
        says="the positions begin at 0 in every piece; they must go on",
    ),
    score_further(
        "encoder-decoder: pieces without a mask",
        *CAUSAL,
        says="the causal mask is missing: a token sees those that follow it in its piece",
    ),
    score_further(
        "encoder-decoder: pieces see padding",
        ("enc_key_padding_mask=pad_mask", "enc_key_padding_mask=None"),
        says="the cross-attention looks at the encoder's padding",
    ),
    score_further("encoder-decoder: pieces without a cache", (CACHE, " cache=None,\n")),
    score_further("encoder-decoder: keys of the encoder computed again", (CROSS_CACHE, " cross_cache=None,\n")),
    score_further("encoder-decoder: one cache for both", (CROSS_CACHE, " cross_cache=cache,\n")),
    score_further(
        "encoder-decoder: caches exchanged",
        (CROSS_CACHE, " cross_cache=cache,\n"),
        (CACHE, " cache=cross_cache,\n"),
    ),
    score_further(
        "encoder-decoder: one cross cache for all layers",
        (CROSS_CACHE, " cross_cache=cross_caches[0],\n"),
    ),
    score_further("encoder-decoder: one cache for all layers", (CACHE, " cache=caches[0],\n")),
    score_further(
        "encoder-decoder: pieces without the norm",
        ("self.final_linear(self.norm(x[:, -1]))", "self.final_linear(x[:, -1])"),
        says="the final norm is missing",
    ),
    transfer("encoder-decoder: nothing is copied", (COPY, "pass")),
    transfer(
        "encoder-decoder: the parameters stop learning",
        (COPY, f"{COPY}\n                own[name].requires_grad_(False)"),
    ),
    transfer("encoder-decoder: only what is transferred is reported", (NEW, "[]"), (UNUSED, "[]")),
    transfer(
        "encoder-decoder: all is reported as new",
        (NEW, "list(own.items())"),
        says="what is transferred is reported as new too",
    ),
    transfer(
        "encoder-decoder: all is reported as unused",
        (UNUSED, "list(pretrained.items())"),
        says="what is transferred is reported as unused too",
    ),
    transfer(
        "encoder-decoder: what is unused is reported as new",
        (NEW, f"{NEW} + {UNUSED}"),
        (f'"unused": {UNUSED}', '"unused": []'),
        says="what is unused is reported as new",
    ),
    transfer(
        "encoder-decoder: new and unused exchanged",
        ('"new"', '"?"'),
        ('"unused"', '"new"'),
        ('"?"', '"unused"'),
        says="what is new is reported as unused, and what is unused as new",
    ),
    transfer(
        "encoder-decoder: the checkpoint's tensors are reported",
        (TRANSFERRED, "list(transferable.items())"),
        says="the checkpoint's tensors are reported; they must be the model's parameters",
    ),
    transfer(
        "encoder-decoder: all of the checkpoint is reported as transferred",
        (TRANSFERRED, "list(pretrained.items())"),
        says="all of the checkpoint is reported as transferred",
    ),
    transfer(
        "encoder-decoder: the vocabulary is copied where it must not be",
        (
            EVERY,
            f"{EVERY.replace('transferable', 'pretrained')}\n                {UNLESS_IT_FITS}",
        ),
    ),
)
