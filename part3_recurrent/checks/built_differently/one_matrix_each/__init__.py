"""What acts together is one matrix: (W_ih, W_hh) on (x, h) in every step, and a table of all moves of a CTC walk.

A character is drawn by Gumbel's noise, without a softmax.
"""

from __future__ import annotations

LOSES = ()
