"""Keys come first: scores K Qᵀ with a column for each query, and tiles with the keys in the outer loop.

Results are transposed views.
"""

LOSES: tuple[str, ...] = ()
