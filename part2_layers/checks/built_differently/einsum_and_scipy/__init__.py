"""Products are einsums, log-softmax is SciPy's, and every cache and update rule is another than the reference's.

The mean over nothing is NumPy's, which warns.
"""

LOSES = (
    "test_loss.py::test_squared_error_of_nothing",
    "test_loss.py::test_gradient_of_squared_error_of_nothing",
    "test_loss.py::test_cross_entropy_of_nothing",
    "test_loss.py::test_gradient_of_cross_entropy_of_nothing",
    "test_loss.py::test_cross_entropy_of_ignored_targets_alone",
    "test_loss.py::test_gradient_for_ignored_targets_alone",
)
