"""Layers in plain loops: over numbers, examples, positions and windows. No loop gives an array for a batch of none."""

LOSES = (
    "test_activation.py::test_an_empty_batch_has_an_empty_output",
    "test_activation.py::test_an_empty_batch_has_an_empty_gradient",
    "test_activation.py::test_gelu_of_an_empty_batch_is_empty",
    "test_activation.py::test_gelu_of_an_empty_batch_has_an_empty_gradient",
    "test_activation.py::test_softmax_of_an_empty_batch_is_empty",
    "test_activation.py::test_softmax_of_nothing_is_nothing",
    "test_activation.py::test_softmax_of_an_empty_batch_has_an_empty_gradient",
    "test_batchnorm.py::test_an_empty_batch_only_counts",
    "test_batchnorm.py::test_an_empty_batch_has_an_empty_gradient",
    "test_conv1d.py::test_an_empty_batch_has_an_empty_output",
    "test_conv1d.py::test_an_empty_batch_adds_nothing",
    "test_conv2d.py::test_an_empty_batch_has_an_empty_output",
    "test_conv2d.py::test_an_empty_batch_adds_nothing",
    "test_flatten.py::test_an_empty_batch_keeps_its_other_axes",
    "test_flatten.py::test_an_empty_batch_has_an_empty_gradient",
    "test_pool.py::test_maximum_of_an_empty_batch_is_empty",
    "test_pool.py::test_gradient_of_the_maximum_of_an_empty_batch_is_empty",
    "test_pool.py::test_mean_of_an_empty_batch_is_empty",
    "test_pool.py::test_gradient_of_the_mean_of_an_empty_batch_is_empty",
)
