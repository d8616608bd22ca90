"""The standard library's graphlib sorts the arrays, and each pulls its gradient from the operations that used it."""

LOSES: tuple[str, ...] = ()
