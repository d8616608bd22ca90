"""Attention by einsum with -1e10 for what is masked; speech by windows, sorted for the LSTM, times zeros and ones.

A query that sees nothing gets the mean of all values, and NaN times zero is NaN.
"""

LOSES = (
    "test_sublayers.py::test_a_query_that_ignores_every_key_gets_zeros",
    "test_sublayers.py::test_a_query_that_ignores_every_key_gets_zeros_without_weights",
    "test_speech_embedding.py::test_odd_padding_becomes_zero_too",
    "test_speech_embedding.py::test_odd_padding_changes_nothing",
)
