"""What may go wrong in PositionalEncoding."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

table = partial(mistake, "positional_encoding.table")
forward = partial(mistake, "positional_encoding.forward")

FREQUENCIES = "-math.log(10_000.0) / d_model"
SINES, COSINES = "table[0, :, 0::2]", "table[0, :, 1::2]"
ROWS = "self.pe[:, offset : offset + x.shape[1]].to(x.dtype)"
SUM = f"x + {ROWS}"

MISTAKES = (
    table(
        "positional encoding: sines in the first half, cosines in the second",
        (SINES, "table[0, :, : (d_model + 1) // 2]"),
        (COSINES, "table[0, :, (d_model + 1) // 2 :]"),
        says="the sines stand in the first half and the cosines in the second; they must alternate",
    ),
    table("positional encoding: a cosine for every sine", ("angles[:, : d_model // 2]", "angles")),
    table(
        "positional encoding: an odd d_model rounded up",
        (FREQUENCIES, "-math.log(10_000.0) / (d_model + d_model % 2)"),
        says="an odd d_model is rounded up in the exponent",
    ),
    table(
        "positional encoding: i for 2i",
        (FREQUENCIES, "-math.log(10_000.0) / (2 * d_model)"),
        says="the exponent is i / d_model; it must be 2i / d_model",
    ),
    table(
        "positional encoding: positions from 1",
        ("torch.arange(max_len, dtype=torch.float32)", "torch.arange(1.0, max_len + 1)"),
        says="the first position is 1; it must be 0",
    ),
    forward(
        "positional encoding: the offset ignored",
        (ROWS, "self.pe[:, : x.shape[1]].to(x.dtype)"),
        says="the offset is ignored",
    ),
    forward(
        "positional encoding: the offset's row for all steps",
        (ROWS, "self.pe[:, offset : offset + 1].to(x.dtype)"),
        says="every step gets the row of the first",
    ),
    forward(
        "positional encoding: the encoding alone",
        (SUM, f"{ROWS}.expand_as(x)"),
        says="the encoding is returned without x",
    ),
    forward(
        "positional encoding: the result in float32 always",
        (SUM, f"({SUM}).float()"),
        says="the result is float32; it must keep the dtype of x",
    ),
    forward("positional encoding: added to x in place", (SUM, f"x.data.add_({ROWS})")),
)
