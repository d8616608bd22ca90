"""Rules by position: loops over axes and results, einsum, bincount, SciPy's softmax; a buffer of one dict.

It divides by the number of results without looking whether there are any, so the mean of empty arrays is an error.
"""

LOSES = (
    "test_functional.py::test_sum_and_mean_of_empty_arrays",
    "test_tensor.py::test_reductions_of_empty_tensors",
)
