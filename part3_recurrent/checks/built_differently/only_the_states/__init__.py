"""Nothing but inputs, states and log P is kept: backward computes the gates, the tables and the softmax again.

One example's β is α of what is read from its end; the batch's is made on the way back.
"""

from __future__ import annotations

LOSES = ()
