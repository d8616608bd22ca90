"""Probes of RNN and GRU: they build them, load a state dict, run them, and read the gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from part3_recurrent.gru import GRU
from part3_recurrent.recurrent import Recurrent
from part3_recurrent.rnn import RNN
from part3_recurrent.tests.probe_cell import as_view
from part3_recurrent.tests.probe_rnn_and_gru import gradients

Array = np.ndarray
Named = dict[str, Any]
KINDS = {"RNN": RNN, "GRU": GRU}


def names(network: str, options: Named) -> list[str]:
    """List the names in the state dict of a new network, in their order."""
    return list(KINDS[network](**options).state_dict())


def forward(
    network: str,
    options: Named,
    state: Named,
    x: Array,
    h_0: Array | None,
    lengths: Array | list[int] | None,
    training: bool = True,
    seed: int = 0,
) -> Named:
    """Call output, h_n = network(x, h_0, lengths)."""
    output, h_n = _network(network, options, state, training, seed).forward(x, h_0, lengths)
    return {"output": output, "h_n": h_n}


def forward_in_chunks(network: str, options: Named, state: Named, x: Array, h_0: Array | None, cut: int) -> Named:
    """Run the time steps before the cut, then the others, from the state of the first."""
    built, time_axis = _network(network, options, state), 1 if options["batch_first"] else 0
    first, second = np.split(x, [cut], axis=time_axis)
    first_output, h = built.forward(first, h_0)
    second_output, h_n = built.forward(second, h)
    return {"output": np.concatenate([first_output, second_output], axis=time_axis), "h_n": h_n}


def forward_on_views(
    network: str, options: Named, state: Named, x: Array, h_0: Array | None, lengths: Array | list[int] | None
) -> Named:
    """Run forward on arrays whose numbers do not lie in order, and give these afterwards."""
    views: Named = {"x": as_view(x), "h_0": None if h_0 is None else as_view(h_0), "lengths": lengths}
    return {**forward(network, options, state, **views), **_afterwards(views)}


def forward_and_backward(
    network: str,
    options: Named,
    state: Named,
    x: Array,
    h_0: Array | None,
    lengths: Array | list[int] | None,
    output_grad: Array,
    h_n_grad: Array | None,
    training: bool = True,
    seed: int = 0,
) -> Named:
    """Run forward, then backward with the gradients of output and h_n."""
    return _run(_network(network, options, state, training, seed), x, h_0, lengths, output_grad, h_n_grad)


def run_twice(
    network: str,
    options: Named,
    state: Named,
    x: Array,
    h_0: Array | None,
    lengths: Array | list[int] | None,
    output_grad: Array,
    h_n_grad: Array | None,
) -> Named:
    """Run forward and backward two times without zero_grad between them."""
    built = _network(network, options, state)
    _run(built, x, h_0, lengths, output_grad, h_n_grad)
    return _run(built, x, h_0, lengths, output_grad, h_n_grad)


def run_on_views(
    network: str,
    options: Named,
    state: Named,
    x: Array,
    h_0: Array | None,
    lengths: Array | list[int] | None,
    output_grad: Array,
    h_n_grad: Array | None,
) -> Named:
    """Run forward and backward on arrays whose numbers do not lie in order, and give these afterwards."""
    arrays = {"x": x, "h_0": h_0, "output_grad": output_grad, "h_n_grad": h_n_grad}
    views: Named = {name: None if value is None else as_view(value) for name, value in arrays.items()}
    views["lengths"] = lengths
    return {**_run(_network(network, options, state), **views), **_afterwards(views)}


def backward_first(network: str, options: Named, state: Named, output_grad: Array, h_n_grad: Array | None) -> None:
    """Run backward on a new network, without forward."""
    _network(network, options, state).backward(output_grad, h_n_grad)


def _network(network: str, options: Named, state: Named, training: bool = True, seed: int = 0) -> Recurrent:
    dtype = state["weight_ih_l0"].dtype
    built = KINDS[network](**options, dtype=dtype, rng=np.random.default_rng(seed))
    built.load_state_dict(state)
    return built.train(training)


def _run(
    built: Recurrent,
    x: Array,
    h_0: Array | None,
    lengths: Array | list[int] | None,
    output_grad: Array,
    h_n_grad: Array | None,
) -> Named:
    output, h_n = built.forward(x, h_0, lengths)
    x_grad, h_0_grad = built.backward(output_grad, h_n_grad)
    return {"output": output, "h_n": h_n, "x_grad": x_grad, "h_0_grad": h_0_grad, **gradients(built)}


def _afterwards(arguments: Named) -> Named:
    return {f"{name} afterwards": value for name, value in arguments.items()}
