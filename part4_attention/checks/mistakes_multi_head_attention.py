"""What may go wrong in split_heads, join_heads, merge_masks and MultiHeadAttention."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

heads = partial(Mistake, exercise="multi_head.split_heads", file="multi_head_attention.py")
masks = partial(Mistake, exercise="multi_head.merge_masks", file="multi_head_attention.py")
forward = partial(Mistake, exercise="multi_head.forward", file="multi_head_attention.py")
backward = partial(Mistake, exercise="multi_head.backward", file="multi_head_attention.py")

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
        edits=((SPLIT, "x.reshape(batch, num_heads, time, features // num_heads)"),),
    ),
    heads(
        "multi-head: every num_heads-th feature for a head",
        edits=((SPLIT, "x.reshape(batch, time, features // num_heads, num_heads).transpose(0, 3, 1, 2)"),),
    ),
    heads("multi-head: heads after the time", edits=((SPLIT, SPLIT.replace(".swapaxes(1, 2)", "")),)),
    heads(
        "multi-head: features before the time",
        edits=((SPLIT, SPLIT.replace("swapaxes(1, 2)", "transpose(0, 2, 3, 1)")),),
    ),
    heads(
        "multi-head: heads in the batch",
        edits=((SPLIT, f"{SPLIT}.reshape(batch * num_heads, time, features // num_heads)"),),
    ),
    heads("multi-head: split in float64 always", edits=((SPLIT, f"{SPLIT}.astype(float)"),)),
    heads("multi-head: joined by a reshape alone", edits=((JOIN, "x.reshape(batch, time, heads * features)"),)),
    heads(
        "multi-head: joined with the features of all heads in turn",
        edits=((JOIN, "x.transpose(0, 2, 3, 1).reshape(batch, time, heads * features)"),),
    ),
    heads(
        "multi-head: joined with the last head first",
        edits=((JOIN, JOIN.replace("x.swapaxes", "x[:, ::-1].swapaxes")),),
    ),
    heads("multi-head: joined without one axis for all features", edits=((JOIN, "x.swapaxes(1, 2)"),)),
    heads("multi-head: the mean of the heads", edits=((JOIN, "x.mean(axis=1)"),)),
    heads("multi-head: joined in float64 always", edits=((JOIN, f"{JOIN}.astype(float)"),)),
    masks("multi-head: hidden where both masks hide", edits=((EITHER, "masks[0] & masks[1]"),)),
    masks("multi-head: hidden where just one mask hides", edits=((EITHER, "masks[0] ^ masks[1]"),)),
    masks("multi-head: padding alone", edits=((EITHER, "masks[0]"),)),
    masks("multi-head: attention mask alone", edits=((EITHER, "masks[1]"),)),
    masks("multi-head: padding hides queries", edits=((PADDING, "key_padding_mask[:, None, :, None]"),)),
    masks("multi-head: padding with two axes", edits=((PADDING, "key_padding_mask"),)),
    masks("multi-head: padding with three axes", edits=((PADDING, "key_padding_mask[:, None, :]"),)),
    masks("multi-head: padding by head", edits=((PADDING, "key_padding_mask[None, :, None, :]"),)),
    masks("multi-head: padding the other way round", edits=((PADDING, f"~{PADDING}"),)),
    masks("multi-head: attention masks of sequences for heads", edits=((ATTENTION, "attn_mask"),)),
    masks("multi-head: attention masks (t, s) only", edits=((ATTENTION, "attn_mask[None, None]"),)),
    masks("multi-head: attention masks (b, t, s) only", edits=((ATTENTION, "attn_mask[:, None]"),)),
    masks(
        "multi-head: attention mask of the first sequence for all",
        edits=((ATTENTION, "attn_mask.reshape(-1, *attn_mask.shape[-2:])[:1, None]"),),
    ),
    masks("multi-head: attention mask turned", edits=((ATTENTION, f"{ATTENTION}.swapaxes(-1, -2)"),)),
    masks("multi-head: attention mask the other way round", edits=((ATTENTION, f"~{ATTENTION}"),)),
    masks(
        "multi-head: padding written into the attention masks (b, t, s)",
        edits=((RESULT, f"if len(masks) == 2 and attn_mask.ndim == 3:\n        masks[1] |= masks[0]\n    {RESULT}"),),
    ),
    masks(
        "multi-head: a mask that hides nothing for none",
        edits=((NONE, "        return np.zeros((1, 1, 1, 1), dtype=bool)\n"),),
    ),
    forward("multi-head: one head", edits=((SPLIT_ALL, SPLIT_ALL.replace("self.num_heads", "1")),)),
    forward("multi-head: a head for every feature", edits=((SPLIT_ALL, SPLIT_ALL.replace("num_heads", "embed_dim")),)),
    forward("multi-head: without masks", edits=((MERGED, "None)"),)),
    forward("multi-head: without the padding", edits=((MERGED, "merge_masks(None, attn_mask))"),)),
    forward("multi-head: without the attention mask", edits=((MERGED, "merge_masks(key_padding_mask, None))"),)),
    forward(
        "multi-head: one mask or the other",
        edits=((MERGED, "merge_masks(key_padding_mask if attn_mask is None else None, attn_mask))"),),
    ),
    forward("multi-head: keys and values exchanged", edits=((ATTEND, ATTEND.replace("k, v", "v, k")),)),
    forward("multi-head: queries for keys", edits=((KEY, QUERY),)),
    forward("multi-head: keys for values", edits=((VALUE, KEY),)),
    forward("multi-head: queries without their projection", edits=((QUERY, "query"),)),
    forward("multi-head: values without their bias", edits=((VALUE, "value @ self.v_proj.weight.T"),)),
    forward("multi-head: without out_proj", edits=((OUT, "join_heads(output)"),)),
    forward("multi-head: out_proj without its bias", edits=((OUT, "join_heads(output) @ self.out_proj.weight.T"),)),
    forward(
        "multi-head: forward splits by a reshape alone",
        edits=((SPLIT_ALL, "(x.reshape(len(x), self.num_heads, x.shape[1], -1) for x in projected)"),),
    ),
    forward(
        "multi-head: forward joins by a reshape alone",
        edits=((OUT, "self.out_proj.forward(output.reshape(query.shape))"),),
    ),
    forward(
        "multi-head: scores divided by √embed_dim",
        edits=((ATTEND, ATTEND.replace("q,", "q / np.sqrt(self.num_heads, dtype=q.dtype),")),),
    ),
    forward("multi-head: the query added", edits=((OUT, f"query + {OUT}"),)),
    forward(
        "multi-head: zeros for a query that sees nothing", edits=((OUT, f"{OUT} * output.any(axis=(1, 3))[..., None]"),)
    ),
    backward("multi-head: backward without out_proj", edits=((OUT_BACK, "split_heads(grad_output, self.num_heads)"),)),
    backward(
        "multi-head: out_proj without gradients",
        edits=((OUT_BACK, "split_heads(grad_output @ self.out_proj.weight, self.num_heads)"),),
    ),
    backward(
        "multi-head: k_proj without gradients",
        edits=((KEY_BACK, "key_grad @ self.k_proj.weight"),),
    ),
    backward("multi-head: the gradient not split", edits=((OUT_BACK, "self.out_proj.backward(grad_output)"),)),
    backward(
        "multi-head: the gradient split by a reshape alone",
        edits=((OUT_BACK, "self.out_proj.backward(grad_output).reshape(self.attention.output_shape)"),),
    ),
    backward(
        "multi-head: the gradients joined by a reshape alone",
        edits=((JOIN_ALL, "(x.reshape(len(x), x.shape[2], -1) for x in self.attention.backward(output_grad))"),),
    ),
    backward(
        "multi-head: projections of queries and keys exchanged on the way back",
        edits=((RESULTS, RESULTS.replace("q_proj", "other").replace("k_proj", "q_proj").replace("other", "k_proj")),),
    ),
    backward(
        "multi-head: gradients of keys and values exchanged",
        edits=((f"{GRADIENTS} = map", "query_grad, value_grad, key_grad = map"),),
    ),
    backward("multi-head: results exchanged", edits=((RESULTS, f"return {QUERY_BACK}, {VALUE_BACK}, {KEY_BACK}"),)),
    backward("multi-head: gradients before the projections", edits=((RESULTS, f"return {GRADIENTS}"),)),
    backward(
        "multi-head: the sum of all three",
        edits=((RESULTS, f"return ({QUERY_BACK} + {KEY_BACK} + {VALUE_BACK},) * 3"),),
    ),
    backward("multi-head: v_proj goes back twice", edits=((RESULTS, f"{VALUE_BACK}\n        {RESULTS}"),)),
    backward(
        "multi-head: ones for grad_output",
        edits=((OUT_BACK, OUT_BACK.replace("grad_output", "np.ones_like(grad_output)")),),
    ),
    backward(
        "multi-head: the mean over the batch",
        edits=((OUT_BACK, OUT_BACK.replace("grad_output", "grad_output / max(1, len(grad_output))")),),
    ),
    backward(
        "multi-head: parameters' gradients start anew", edits=((CHECK_BACK, f"{CHECK_BACK}\n        self.zero_grad()"),)
    ),
    backward(
        "multi-head: no gradient for out_proj's bias from a query that sees nothing",
        edits=((OUT_BACK, OUT_BACK.replace("grad_output", f"grad_output * {SEES}")),),
    ),
    backward("multi-head: backward changes grad_output", edits=((RESULTS, f"grad_output *= 2\n        {RESULTS}"),)),
    forward(
        "multi-head: forward adds the padding to the attention mask",
        edits=((SHAPE, SHAPE + ADDS_IN_PLACE),),
    ),
    forward(
        "multi-head: forward changes the caller's query",
        edits=(
            (
                SHAPE,
                SHAPE + "        asked, query = query, query.copy()\n        asked *= 2\n",
            ),
        ),
    ),
    forward(
        "multi-head: forward with an attention of its own",
        edits=(("output = self.attention.forward(", "output = (own := ScaledDotProductAttention()).forward("),),
    ),
)
