"""Known mistakes in split_heads, join_heads, merge_masks and MultiHeadAttention."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

heads = partial(mistake, "multi_head.split_heads")
masks = partial(mistake, "multi_head.merge_masks")
forward = partial(mistake, "multi_head.forward")
backward = partial(mistake, "multi_head.backward")

SPLIT = "x.reshape(batch, time, num_heads, features // num_heads).swapaxes(1, 2)"
JOIN = "x.swapaxes(1, 2).reshape(batch, time, heads * features)"

PADDING, ATTENTION = "key_padding_mask[:, None, None, :]", "attn_mask[..., None, :, :]"
EITHER, NONE = "masks[0] | masks[1]", "        return None\n"
RESULT = f"return masks[0] if len(masks) == 1 else {EITHER}"

QUERY, KEY, VALUE = (f"self.{name[0]}_proj.forward({name})" for name in ("query", "key", "value"))
SPLIT_ALL, ATTEND = "(split_heads(x, self.num_heads) for x in projected)", "self.attention.forward(q, k, v,"
MERGED, OUT = "merge_masks(key_padding_mask, attn_mask))", "self.out_proj.forward(join_heads(output))"

CHECK_BACK = "check_grad_output(grad_output, self.output_shape)"
SEES = "self.attention.attention_weights.any(axis=(1, 3))[..., None]"
OUT_BACK = "split_heads(self.out_proj.backward(grad_output), self.num_heads)"
GRADIENTS, JOIN_ALL = "query_grad, key_grad, value_grad", "map(join_heads, self.attention.backward(output_grad))"
QUERY_BACK, KEY_BACK, VALUE_BACK = (f"self.{name[0]}_proj.backward({name}_grad)" for name in ("query", "key", "value"))
RESULTS = f"return {QUERY_BACK}, {KEY_BACK}, {VALUE_BACK}"

SHAPE = "self.output_shape = query.shape\n"
ADDS_IN_PLACE = """\
        if key_padding_mask is not None and attn_mask is not None and attn_mask.ndim == 3:
            attn_mask |= key_padding_mask[:, None]
"""

MISTAKES = (
    heads(
        "multi-head: split by a reshape alone",
        (SPLIT, "x.reshape(batch, num_heads, time, features // num_heads)"),
        says="the features are split by a reshape alone, which mixes times and heads",
    ),
    heads(
        "multi-head: every num_heads-th feature for a head",
        (SPLIT, "x.reshape(batch, time, features // num_heads, num_heads).transpose(0, 3, 1, 2)"),
        says="the first head has every num_heads-th feature; it has the first of them",
    ),
    heads(
        "multi-head: heads after the time",
        (SPLIT, SPLIT.replace(".swapaxes(1, 2)", "")),
        says="the heads stand after the time; they must stand before it",
    ),
    heads(
        "multi-head: features before the time",
        (SPLIT, SPLIT.replace("swapaxes(1, 2)", "transpose(0, 2, 3, 1)")),
        says="the features of a head stand before the time; they must stand after it",
    ),
    heads(
        "multi-head: heads in the batch",
        (SPLIT, f"{SPLIT}.reshape(batch * num_heads, time, features // num_heads)"),
        says="the heads are in the axis of the batch; they must have one of their own",
    ),
    heads(
        "multi-head: split in float64 always",
        (SPLIT, f"{SPLIT}.astype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    heads(
        "multi-head: joined by a reshape alone",
        (JOIN, "x.reshape(batch, time, heads * features)"),
        says="the heads are joined by a reshape alone, which mixes times and heads",
    ),
    heads(
        "multi-head: joined with the features of all heads in turn",
        (JOIN, "x.transpose(0, 2, 3, 1).reshape(batch, time, heads * features)"),
        says="the first features of all heads stand first; all features of the first head must",
    ),
    heads(
        "multi-head: joined with the last head first",
        (JOIN, JOIN.replace("x.swapaxes", "x[:, ::-1].swapaxes")),
        says="the last head's features stand first; the first head's must",
    ),
    heads(
        "multi-head: joined without one axis for all features",
        (JOIN, "x.swapaxes(1, 2)"),
        says="the heads still have an axis of their own; it must be one with that of the features",
    ),
    heads(
        "multi-head: the mean of the heads",
        (JOIN, "x.mean(axis=1)"),
        says="the heads are averaged; they must stand side by side",
    ),
    heads(
        "multi-head: joined in float64 always",
        (JOIN, f"{JOIN}.astype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    masks(
        "multi-head: hidden where both masks hide",
        (EITHER, "masks[0] & masks[1]"),
        says="a key is hidden where both masks hide it; it must be where either does",
    ),
    masks(
        "multi-head: hidden where just one mask hides",
        (EITHER, "masks[0] ^ masks[1]"),
        says="a key that both masks hide is seen; it must be hidden where either does",
    ),
    masks(
        "multi-head: padding alone",
        (EITHER, "masks[0]"),
        says="the attn_mask is ignored where there is a key_padding_mask too",
    ),
    masks(
        "multi-head: attention mask alone",
        (EITHER, "masks[1]"),
        says="the key_padding_mask is ignored where there is an attn_mask too",
    ),
    masks(
        "multi-head: padding always ignored",
        ("if key_padding_mask is not None:", "if False:"),
        says="the key_padding_mask is ignored",
    ),
    masks(
        "multi-head: attention mask always ignored",
        ("if attn_mask is not None:\n        masks", "if False:\n        masks"),
        says="the attn_mask is ignored",
    ),
    masks("multi-head: padding hides queries", (PADDING, "key_padding_mask[:, None, :, None]")),
    masks("multi-head: padding with two axes", (PADDING, "key_padding_mask")),
    masks("multi-head: padding with three axes", (PADDING, "key_padding_mask[:, None, :]")),
    masks("multi-head: padding by head", (PADDING, "key_padding_mask[None, :, None, :]")),
    masks(
        "multi-head: padding the other way round",
        (PADDING, f"~{PADDING}"),
        says="the key_padding_mask is the other way round; True means ignored",
    ),
    masks("multi-head: attention masks of sequences for heads", (ATTENTION, "attn_mask")),
    masks("multi-head: attention masks (t, s) only", (ATTENTION, "attn_mask[None, None]")),
    masks("multi-head: attention masks (b, t, s) only", (ATTENTION, "attn_mask[:, None]")),
    masks(
        "multi-head: attention mask of the first sequence for all",
        (ATTENTION, "attn_mask.reshape(-1, *attn_mask.shape[-2:])[:1, None]"),
        says="the attn_mask of the first sequence is taken for all",
    ),
    masks("multi-head: attention mask turned", (ATTENTION, f"{ATTENTION}.swapaxes(-1, -2)")),
    masks(
        "multi-head: attention mask the other way round",
        (ATTENTION, f"~{ATTENTION}"),
        says="the attn_mask is the other way round; True means ignored",
    ),
    masks(
        "multi-head: padding written into the attention masks (b, t, s)",
        (RESULT, f"if len(masks) == 2 and attn_mask.ndim == 3:\n        masks[1] |= masks[0]\n    {RESULT}"),
        says="the key_padding_mask is written into the caller's attn_mask; a | b makes a new array",
    ),
    masks(
        "multi-head: a mask that hides nothing for none", (NONE, "        return np.zeros((1, 1, 1, 1), dtype=bool)\n")
    ),
    forward(
        "multi-head: one head", (SPLIT_ALL, SPLIT_ALL.replace("self.num_heads", "1")), says="there is only one head"
    ),
    forward("multi-head: a head for every feature", (SPLIT_ALL, SPLIT_ALL.replace("num_heads", "embed_dim"))),
    forward("multi-head: without masks", (MERGED, "None)"), says="the masks are ignored"),
    forward(
        "multi-head: without the padding",
        (MERGED, "merge_masks(None, attn_mask))"),
        says="the key_padding_mask is ignored",
    ),
    forward(
        "multi-head: without the attention mask",
        (MERGED, "merge_masks(key_padding_mask, None))"),
        says="the attn_mask is ignored",
    ),
    forward(
        "multi-head: one mask or the other",
        (MERGED, "merge_masks(key_padding_mask if attn_mask is None else None, attn_mask))"),
        says="the key_padding_mask is ignored where there is an attn_mask too",
    ),
    forward(
        "multi-head: keys and values exchanged",
        (ATTEND, ATTEND.replace("k, v", "v, k")),
        says="keys and values are exchanged",
    ),
    forward("multi-head: queries for keys", (KEY, QUERY)),
    forward("multi-head: keys for values", (VALUE, KEY)),
    forward("multi-head: queries without their projection", (QUERY, "query"), says="q_proj is missing"),
    forward("multi-head: values without their bias", (VALUE, "value @ self.v_proj.weight.T")),
    forward("multi-head: without out_proj", (OUT, "join_heads(output)"), says="out_proj is missing"),
    forward("multi-head: out_proj without its bias", (OUT, "join_heads(output) @ self.out_proj.weight.T")),
    forward(
        "multi-head: forward splits by a reshape alone",
        (SPLIT_ALL, "(x.reshape(len(x), self.num_heads, x.shape[1], -1) for x in projected)"),
        says="the features are split by a reshape alone, which mixes times and heads",
    ),
    forward(
        "multi-head: forward gives a head every num_heads-th feature",
        (
            SPLIT_ALL,
            "(x.reshape(*x.shape[:2], -1, self.num_heads).transpose(0, 3, 1, 2) for x in projected)",
        ),
        says="the first head has every num_heads-th feature; it has the first of them",
    ),
    forward(
        "multi-head: forward joins by a reshape alone",
        (OUT, "self.out_proj.forward(output.reshape(query.shape))"),
        says="the heads are joined by a reshape alone, which mixes times and heads",
    ),
    forward(
        "multi-head: scores divided by √embed_dim",
        (ATTEND, ATTEND.replace("q,", "q / np.sqrt(self.num_heads, dtype=q.dtype),")),
        says="the scores are divided by √embed_dim; it must be the root of what one head has",
    ),
    forward(
        "multi-head: the query added",
        (OUT, f"query + {OUT}"),
        says="the query is added to the output; the layer has no residual connection",
    ),
    forward(
        "multi-head: zeros for a query that sees nothing",
        (OUT, f"{OUT} * output.any(axis=(1, 3))[..., None]"),
        says="a query that sees no key gets zeros; it must get out_proj's bias",
    ),
    backward(
        "multi-head: backward without out_proj",
        (OUT_BACK, "split_heads(grad_output, self.num_heads)"),
        says="out_proj is missing",
    ),
    backward(
        "multi-head: out_proj without gradients",
        (OUT_BACK, "split_heads(grad_output @ self.out_proj.weight, self.num_heads)"),
        says="out_proj.weight_grad is zero everywhere",
    ),
    backward(
        "multi-head: k_proj without gradients",
        (KEY_BACK, "key_grad @ self.k_proj.weight"),
        says="k_proj.weight_grad is zero everywhere",
    ),
    backward("multi-head: the gradient not split", (OUT_BACK, "self.out_proj.backward(grad_output)")),
    backward(
        "multi-head: the gradient split by a reshape alone",
        (OUT_BACK, "self.out_proj.backward(grad_output).reshape(self.attention.output_shape)"),
        says="the gradient of the output is split by a reshape alone, which mixes times and heads",
    ),
    backward(
        "multi-head: the gradients joined by a reshape alone",
        (JOIN_ALL, "(x.reshape(len(x), x.shape[2], -1) for x in self.attention.backward(output_grad))"),
        says="the gradients of the heads are joined by a reshape alone, which mixes times and heads",
    ),
    backward(
        "multi-head: projections of queries and keys exchanged on the way back",
        (RESULTS, RESULTS.replace("q_proj", "other").replace("k_proj", "q_proj").replace("other", "k_proj")),
    ),
    backward(
        "multi-head: gradients of keys and values exchanged",
        (f"{GRADIENTS} = map", "query_grad, value_grad, key_grad = map"),
        says="the attention's gradients of keys and values are exchanged",
    ),
    backward(
        "multi-head: results exchanged",
        (RESULTS, f"return {QUERY_BACK}, {VALUE_BACK}, {KEY_BACK}"),
        says="key_grad and value_grad are exchanged",
    ),
    backward(
        "multi-head: gradients before the projections",
        (RESULTS, f"return {GRADIENTS}"),
        says="the gradients do not go back through q_proj, k_proj and v_proj",
    ),
    backward("multi-head: the sum of all three", (RESULTS, f"return ({QUERY_BACK} + {KEY_BACK} + {VALUE_BACK},) * 3")),
    backward(
        "multi-head: v_proj goes back twice",
        (RESULTS, f"{VALUE_BACK}\n        {RESULTS}"),
        says="v_proj goes back twice, and adds its gradients twice",
    ),
    backward(
        "multi-head: ones for grad_output",
        (OUT_BACK, OUT_BACK.replace("grad_output", "np.ones_like(grad_output)")),
        says="the upstream gradient is taken to be one everywhere",
    ),
    backward(
        "multi-head: the mean over the batch",
        (OUT_BACK, OUT_BACK.replace("grad_output", "grad_output / max(1, len(grad_output))")),
        says="query_grad is too small by the factor #, the length of grad_output's axis 0",
    ),
    backward(
        "multi-head: parameters' gradients start anew",
        (CHECK_BACK, f"{CHECK_BACK}\n        self.zero_grad()"),
        says="the parameters' gradients start anew with every backward; they must add up until zero_grad",
    ),
    backward(
        "multi-head: no gradient for out_proj's bias from a query that sees nothing",
        (OUT_BACK, OUT_BACK.replace("grad_output", f"grad_output * {SEES}")),
        says="out_proj.bias_grad lacks what comes from a query that sees no key",
    ),
    backward(
        "multi-head: backward changes grad_output",
        (RESULTS, f"grad_output *= 2\n        {RESULTS}"),
        says="backward doubles the caller's grad_output; work on a copy",
    ),
    forward(
        "multi-head: forward adds the padding to the attention mask",
        (SHAPE, SHAPE + ADDS_IN_PLACE),
        says="the key_padding_mask is written into the caller's attn_mask; a | b makes a new array",
    ),
    forward(
        "multi-head: forward changes the caller's query",
        (
            SHAPE,
            SHAPE + "        asked, query = query, query.copy()\n        asked *= 2\n",
        ),
        says="inputs afterwards.query is too large by the factor 2",
    ),
    forward(
        "multi-head: forward with an attention of its own",
        ("output = self.attention.forward(", "output = (own := ScaledDotProductAttention()).forward("),
    ),
)
