"""Loops: the softmax row by row, attention matrix by matrix with the softmax's Jacobian, strips in the place of tiles.

What the loops give is stacked, and a list of nothing cannot be: a batch of 0 is an error.
"""

LOSES = (
    "test_scaled_dot_product_attention.py::test_no_scores_have_no_weights",
    "test_scaled_dot_product_attention.py::test_a_batch_may_be_empty",
    "test_scaled_dot_product_attention.py::test_an_empty_batch_has_empty_gradients",
    "test_multi_head_attention.py::test_an_empty_batch_has_heads_too",
    "test_multi_head_attention.py::test_an_empty_batch_has_masks_too",
    "test_multi_head_attention.py::test_a_batch_may_be_empty",
    "test_multi_head_attention.py::test_an_empty_batch_has_empty_gradients",
    "test_tiled_attention.py::test_a_batch_may_be_empty",
    "test_tiled_attention.py::test_an_empty_batch_has_empty_gradients",
)
