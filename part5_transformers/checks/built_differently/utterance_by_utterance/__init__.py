"""Each sequence is cut to its own length before it is computed, and written into zeros: no layer reads padding."""

LOSES: tuple[str, ...] = ()
