"""Hypotheses are Python lists of numbers: a heap chooses the best, a dictionary sums what ends in the same prefix."""

LOSES: tuple[str, ...] = ()
