"""A tape in dicts and a heap of operations whose turn will come: what arrives at one is summed when it does.

Tensor gets its operators, functions and reductions from tables, and the buffer adds in place.
"""

LOSES = ()
