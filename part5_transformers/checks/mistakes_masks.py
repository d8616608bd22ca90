"""What may go wrong in PadMask and CausalMask."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

padding = partial(Mistake, exercise="masks.padding", file="masks.py")
causal = partial(Mistake, exercise="masks.causal", file="masks.py")

LENGTHS = "input_lengths.to(padded_input.device)[:, None]"
PADDING = f"steps >= {LENGTHS}"
ONES = "torch.ones(time, time, dtype=torch.bool, device=padded_input.device)"
CAUSAL = f"{ONES}.triu(diagonal=1)"

MISTAKES = (
    padding("masks: True at the steps, not at the padding", edits=((PADDING, f"steps < {LENGTHS}"),)),
    padding("masks: padding one step late", edits=((PADDING, f"steps > {LENGTHS}"),)),
    padding(
        "masks: padding up to the longest sequence",
        edits=(("torch.arange(time,", "torch.arange(int(input_lengths.max()),"),),
    ),
    padding(
        "masks: zeros for padding",
        edits=((PADDING, "(padded_input == 0).flatten(2).all(-1) if padded_input.ndim > 2 else padded_input == 0"),),
    ),
    padding(
        "masks: padding written into the input",
        edits=((f"return {PADDING}", f"padded_input[{PADDING}] = 0\n    return {PADDING}"),),
    ),
    causal("masks: a query hidden from itself", edits=((CAUSAL, f"{ONES}.triu()"),)),
    causal("masks: what came before hidden", edits=((CAUSAL, f"{ONES}.tril(diagonal=-1)"),)),
    causal("masks: True where a query may look", edits=((CAUSAL, f"{ONES}.tril()"),)),
    causal("masks: causal as -inf", edits=((CAUSAL, f"torch.zeros(time, time).masked_fill({CAUSAL}, -torch.inf)"),)),
    causal("masks: a causal mask for every sequence", edits=((CAUSAL, f"{CAUSAL}.expand(len(padded_input), -1, -1)"),)),
)
