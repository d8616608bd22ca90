"""Attention by einsum, -1e10 for what is masked, times what is not; speech by windows, sorted for the LSTM."""

LOSES: tuple[str, ...] = ()
