"""SciPy's softmax, einsum with a weight for each head in the place of split heads, and tiles that are passed twice.

A masked score is -1e10, and in tiles log Σ eˢ of no score is -inf: a query that sees no key gets no zeros.
"""

LOSES = (
    "test_scaled_dot_product_attention.py::test_a_row_that_is_masked_everywhere_is_zero",
    "test_scaled_dot_product_attention.py::test_a_query_that_sees_nothing_gets_zeros",
    "test_scaled_dot_product_attention.py::test_a_query_that_sees_nothing_has_no_gradient",
    "test_multi_head_attention.py::test_a_query_that_sees_nothing_gets_the_bias",
    "test_multi_head_attention.py::test_a_query_that_sees_nothing_has_no_gradient",
    "test_tiled_attention.py::test_a_query_that_sees_nothing_gets_zeros",
    "test_tiled_attention.py::test_a_query_that_sees_nothing_has_no_gradient",
)
