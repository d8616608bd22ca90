"""Probes of GRU: one direction of one layer, over all time steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from part3_recurrent.gru import GRU
from part3_recurrent.tests import probe_rnn_and_gru

Array = np.ndarray
Named = dict[str, Any]


def run(state: Named, x: Array, h_0: Array, running: list[int]) -> Named:
    """Call output, h_n = network.run(x, h_0, running, "l0")."""
    return probe_rnn_and_gru.run(GRU, state, x, h_0, running)


def run_in_chunks(state: Named, x: Array, h_0: Array, running: list[int], cut: int) -> Named:
    """Run the time steps before the cut, then the others, from the state of the first."""
    return probe_rnn_and_gru.run_in_chunks(GRU, state, x, h_0, running, cut)


def run_on_views(state: Named, x: Array, h_0: Array, running: list[int]) -> Named:
    """Run on arrays whose numbers do not lie in order, and give these afterwards."""
    return probe_rnn_and_gru.run_on_views(GRU, state, x, h_0, running)


def run_and_back(state: Named, x: Array, h_0: Array, running: list[int], output_grad: Array, h_n_grad: Array) -> Named:
    """Run, then run backward with the upstream gradients."""
    return probe_rnn_and_gru.run_and_back(GRU, state, x, h_0, running, output_grad, h_n_grad)


def run_and_back_twice(
    state: Named, x: Array, h_0: Array, running: list[int], output_grad: Array, h_n_grad: Array
) -> Named:
    """Run both two times without zero_grad between them."""
    return probe_rnn_and_gru.run_and_back_twice(GRU, state, x, h_0, running, output_grad, h_n_grad)


def run_and_back_in_chunks(
    state: Named, x: Array, h_0: Array, running: list[int], output_grad: Array, h_n_grad: Array, cut: int
) -> Named:
    """Run two networks of the same parameters: the second goes on from the first's state, and gives it a gradient."""
    return probe_rnn_and_gru.run_and_back_in_chunks(GRU, state, x, h_0, running, output_grad, h_n_grad, cut)


def run_and_back_on_views(
    state: Named, x: Array, h_0: Array, running: list[int], output_grad: Array, h_n_grad: Array
) -> Named:
    """Run both on arrays whose numbers do not lie in order, and give these afterwards."""
    return probe_rnn_and_gru.run_and_back_on_views(GRU, state, x, h_0, running, output_grad, h_n_grad)
