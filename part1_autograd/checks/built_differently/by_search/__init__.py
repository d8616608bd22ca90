"""A tape that first searches what an output was computed from, and rules whose decorator unbroadcasts.

Softmax is the logits less their logaddexp, which NumPy folds over the classes.
"""

LOSES: tuple[str, ...] = ()
