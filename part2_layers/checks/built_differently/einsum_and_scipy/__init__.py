"""Products are einsums, log-softmax is SciPy's, and every cache and update rule is another than the reference's."""

LOSES: tuple[str, ...] = ()
