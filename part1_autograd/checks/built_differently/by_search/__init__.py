"""A tape that first searches what an output was computed from, and rules whose decorator unbroadcasts.

Softmax is taken as it is written, exp x / Σ exp x, which overflows.
"""

LOSES = ("test_functional.py::test_softmax_cross_entropy_does_not_overflow",)
