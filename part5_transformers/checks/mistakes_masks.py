"""Known mistakes in PadMask and CausalMask."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

padding = partial(mistake, "masks.padding")
causal = partial(mistake, "masks.causal")

LENGTHS = "input_lengths.to(padded_input.device)[:, None]"
PADDING = f"steps >= {LENGTHS}"
ONES = "torch.ones(time, time, dtype=torch.bool, device=padded_input.device)"
CAUSAL = f"{ONES}.triu(diagonal=1)"

MISTAKES = (
    padding(
        "masks: True at the steps, not at the padding",
        (PADDING, f"steps < {LENGTHS}"),
        says="the mask is True at the steps of a sequence; it must be True at its padding",
    ),
    padding(
        "masks: padding one step late",
        (PADDING, f"steps > {LENGTHS}"),
        says="the mask starts one step late: the first step of padding is the one whose number is the length",
    ),
    padding(
        "masks: padding one step early",
        (PADDING, f"steps >= {LENGTHS} - 1"),
        says="the mask starts one step early: steps are counted from 0",
    ),
    padding(
        "masks: padding as 0 and 1",
        (PADDING, f"({PADDING}).long()"),
        says="the mask is 0 and 1; it must be boolean",
    ),
    padding(
        "masks: padding as 0.0 and 1.0",
        (PADDING, f"({PADDING}).float()"),
        says="the mask is 0.0 and 1.0; it must be boolean",
    ),
    padding(
        "masks: padding with time first",
        (PADDING, f"({PADDING}).T"),
        says="the mask is (t, b); it must be (b, t)",
    ),
    padding(
        "masks: padding up to the longest sequence",
        ("torch.arange(time,", "torch.arange(int(input_lengths.max()),"),
        says="the mask ends with the longest sequence; it must have all t steps",
    ),
    padding(
        "masks: zeros for padding",
        (PADDING, "(padded_input == 0).flatten(2).all(-1) if padded_input.ndim > 2 else padded_input == 0"),
        says="the mask looks for zeros in the input; the lengths alone say what is padding",
    ),
    padding(
        "masks: padding written into the input",
        (f"return {PADDING}", f"padded_input[{PADDING}] = 0\n    return {PADDING}"),
        says="the padding of the input is set to 0; only the mask is asked for",
    ),
    causal("masks: a query hidden from itself", (CAUSAL, f"{ONES}.triu()"), says="a query is hidden from itself"),
    causal(
        "masks: the next key seen",
        (CAUSAL, f"{ONES}.triu(diagonal=2)"),
        says="a query sees the key after it",
    ),
    causal(
        "masks: what came before hidden",
        (CAUSAL, f"{ONES}.tril(diagonal=-1)"),
        says="the mask hides what came before; it must hide what comes later",
    ),
    causal(
        "masks: True where a query may look",
        (CAUSAL, f"{ONES}.tril()"),
        says="the mask is True where a query may look; it must be True where it may not",
    ),
    causal(
        "masks: causal as -inf",
        (CAUSAL, f"torch.zeros(time, time).masked_fill({CAUSAL}, -torch.inf)"),
        says="the mask is 0 and -inf, to be added to scores; it must be boolean",
    ),
    causal(
        "masks: a causal mask for every sequence",
        (CAUSAL, f"{CAUSAL}.expand(len(padded_input), -1, -1)"),
        says="every sequence has a mask of its own; it must be (t, t), the same for all",
    ),
)
