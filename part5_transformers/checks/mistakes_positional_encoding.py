"""Known mistakes in PositionalEncoding."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

table = partial(mistake, "positional_encoding.table")
forward = partial(mistake, "positional_encoding.forward")

EXPONENT = "(torch.arange(0, d_model, 2) / d_model)"
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
    table(
        "positional encoding: cosines first",
        ("angles.sin()", "angles.cos()"),
        ("angles[:, : d_model // 2].cos()", "angles[:, : d_model // 2].sin()"),
        says="the cosines stand at 2i and the sines at 2i + 1; it must be the other way round",
    ),
    table(
        "positional encoding: an angle for every feature",
        ("torch.arange(0, d_model, 2)", "torch.arange(d_model)"),
        ("angles.sin()", "angles[:, 0::2].sin()"),
        ("angles[:, : d_model // 2].cos()", "angles[:, 1::2].cos()"),
        says="a cosine has a slower wave than its sine; both must have the angle of 2i",
    ),
    table("positional encoding: a cosine for every sine", ("angles[:, : d_model // 2]", "angles")),
    table(
        "positional encoding: an odd d_model rounded up",
        (EXPONENT, EXPONENT.replace("/ d_model", "/ (d_model + d_model % 2)")),
        says="an odd d_model is rounded up in the exponent",
    ),
    table(
        "positional encoding: i for 2i",
        (EXPONENT, EXPONENT.replace("/ d_model", "/ (2 * d_model)")),
        says="the exponent is i / d_model; it must be 2i / d_model",
    ),
    table(
        "positional encoding: the base 1000",
        ("10_000 **", "1_000 **"),
        says="the base is 1000; it must be 10000",
    ),
    table(
        "positional encoding: positions from 1",
        ("torch.arange(max_len, dtype=torch.float32)", "torch.arange(1.0, max_len + 1)"),
        says="the first position is 1; it must be 0",
    ),
    table(
        "positional encoding: no axis for the batch",
        ("return table", "return table[0]"),
        says="the axis of length 1 for the batch is missing: pe is (1, max_len, d_model)",
    ),
    table(
        "positional encoding: the table in float64",
        ("return table", "return table.double()"),
        says="the values are right and their dtype is not: float64 instead of float32",
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
    forward("positional encoding: x alone", (SUM, "x"), says="x is returned without the encoding"),
    forward(
        "positional encoding: x scaled as an embedding is",
        (SUM, f"x * x.shape[2] ** 0.5 + {ROWS}"),
        says="x is scaled by √d_model",
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
    forward(
        "positional encoding: the result in float64 always",
        (SUM, f"({SUM}).double()"),
        says="the result is float64; it must keep the dtype of x",
    ),
    forward(
        "positional encoding: added to x in place",
        (SUM, f"x.data.add_({ROWS})"),
        says="the positions are added to x in place; the result must be a new tensor",
    ),
)
