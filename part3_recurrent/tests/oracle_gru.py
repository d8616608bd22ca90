"""Torch's GRU in one direction of one layer, and what known mistakes would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part3_recurrent.tests import oracle_rnn_and_gru
from part3_recurrent.tests.oracle_gru_cell import LAYERS_STEPS, step


@truth
def gru(
    state: Answer,
    x: Array,
    h_0: Array,
    running: Sequence[int],
    output_grad: Array | None = None,
    h_n_grad: Array | None = None,
) -> Answer:
    return oracle_rnn_and_gru.run("GRU", state, x, h_0, running, output_grad, h_n_grad)


def gru_mistakes(**problem: Any) -> Answer:
    return oracle_rnn_and_gru.mistakes(step, LAYERS_STEPS, **problem)
