"""SciPy's softmax, einsum with a weight for each head in the place of split heads, and tiles that are passed twice.

A masked score is -1e10, and its weight is set to zero once more: no score but such may be left in a row.
"""

LOSES: tuple[str, ...] = ()
