"""Nothing but inputs and states is kept: backward computes the gates, the tables and the logits' softmax again.

β is α of the target read from its end, and so is the batched loss's, with SciPy's logsumexp over three slices.
"""

from __future__ import annotations

LOSES = ()
