"""What may go wrong in PositionalEncoding."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

table = partial(Mistake, exercise="positional_encoding.table", file="positional_encoding.py")
forward = partial(Mistake, exercise="positional_encoding.forward", file="positional_encoding.py")

FREQUENCIES = "-math.log(10_000.0) / d_model"
SINES, COSINES = "table[0, :, 0::2]", "table[0, :, 1::2]"
ROWS = "self.pe[:, offset : offset + x.shape[1]].to(x.dtype)"
SUM = f"x + {ROWS}"

MISTAKES = (
    table(
        "positional encoding: sines in the first half, cosines in the second",
        edits=((SINES, "table[0, :, : (d_model + 1) // 2]"), (COSINES, "table[0, :, (d_model + 1) // 2 :]")),
    ),
    table("positional encoding: a cosine for every sine", edits=(("angles[:, : d_model // 2]", "angles"),)),
    table(
        "positional encoding: an odd d_model rounded up",
        edits=((FREQUENCIES, "-math.log(10_000.0) / (d_model + d_model % 2)"),),
    ),
    table("positional encoding: i for 2i", edits=((FREQUENCIES, "-math.log(10_000.0) / (2 * d_model)"),)),
    table(
        "positional encoding: positions from 1",
        edits=(("torch.arange(max_len, dtype=torch.float32)", "torch.arange(1.0, max_len + 1)"),),
    ),
    forward("positional encoding: the offset ignored", edits=((ROWS, "self.pe[:, : x.shape[1]].to(x.dtype)"),)),
    forward(
        "positional encoding: the offset's row for all steps",
        edits=((ROWS, "self.pe[:, offset : offset + 1].to(x.dtype)"),),
    ),
    forward("positional encoding: the encoding alone", edits=((SUM, f"{ROWS}.expand_as(x)"),)),
    forward("positional encoding: the result in float32 always", edits=((SUM, f"({SUM}).float()"),)),
    forward("positional encoding: added to x in place", edits=((SUM, f"x.data.add_({ROWS})"),)),
)
