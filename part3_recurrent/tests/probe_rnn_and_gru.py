"""Probes of either network: one direction of one layer, over all time steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from part3_recurrent.recurrent import Recurrent
from part3_recurrent.tests.probe_cell import as_view

Array = np.ndarray
Named = dict[str, Any]
NAME = "l0"


def run(kind: type[Recurrent], state: Named, x: Array, h_0: Array, running: list[int]) -> Named:
    """Call output, h_n = network.run(x, h_0, running, "l0")."""
    output, h_n = network(kind, state).run(x, h_0, running, NAME)
    return {"output": output, "h_n": h_n}


def run_in_chunks(kind: type[Recurrent], state: Named, x: Array, h_0: Array, running: list[int], cut: int) -> Named:
    """Run the time steps before the cut, then the others, from the state of the first."""
    built = network(kind, state)
    first, h = built.run(x[:cut], h_0, running[:cut], NAME)
    second, h_n = built.run(x[cut:], h, running[cut:], NAME)
    return {"output": np.concatenate([first, second]), "h_n": h_n}


def run_on_views(kind: type[Recurrent], state: Named, x: Array, h_0: Array, running: list[int]) -> Named:
    """Run on arrays whose numbers do not lie in order, and give these afterwards."""
    x_view, h_0_view = as_view(x), as_view(h_0)
    return {**run(kind, state, x_view, h_0_view, running), "x afterwards": x_view, "h_0 afterwards": h_0_view}


def run_and_back(
    kind: type[Recurrent],
    state: Named,
    x: Array,
    h_0: Array,
    running: list[int],
    output_grad: Array,
    h_n_grad: Array,
) -> Named:
    """Run, then run backward with the upstream gradients."""
    return _run_and_back(network(kind, state), x, h_0, running, output_grad, h_n_grad)


def run_and_back_twice(
    kind: type[Recurrent],
    state: Named,
    x: Array,
    h_0: Array,
    running: list[int],
    output_grad: Array,
    h_n_grad: Array,
) -> Named:
    """Run both two times without zero_grad between them."""
    built = network(kind, state)
    _run_and_back(built, x, h_0, running, output_grad, h_n_grad)
    return _run_and_back(built, x, h_0, running, output_grad, h_n_grad)


def run_and_back_in_chunks(
    kind: type[Recurrent],
    state: Named,
    x: Array,
    h_0: Array,
    running: list[int],
    output_grad: Array,
    h_n_grad: Array,
    cut: int,
) -> Named:
    """Run two networks of the same parameters: the second goes on from the first's state, and gives it a gradient."""
    one, other = network(kind, state), network(kind, state)
    _, h = one.run(x[:cut], h_0, running[:cut], NAME)
    other.run(x[cut:], h, running[cut:], NAME)
    second, h_grad = other.run_backward(output_grad[cut:], h_n_grad, running[cut:], NAME)
    first, h_0_grad = one.run_backward(output_grad[:cut], h_grad, running[:cut], NAME)
    of_parameters = {name: value + gradients(other)[name] for name, value in gradients(one).items()}
    return {"x_grad": np.concatenate([first, second]), "h_0_grad": h_0_grad, **of_parameters}


def run_and_back_on_views(
    kind: type[Recurrent],
    state: Named,
    x: Array,
    h_0: Array,
    running: list[int],
    output_grad: Array,
    h_n_grad: Array,
) -> Named:
    """Run both on arrays whose numbers do not lie in order, and give these afterwards."""
    views = {"x": as_view(x), "h_0": as_view(h_0)}
    views |= {"output_grad": as_view(output_grad), "h_n_grad": as_view(h_n_grad)}
    answer = run_and_back(kind, state, running=running, **views)
    return {**answer, **{f"{name} afterwards": view for name, view in views.items()}}


def network(kind: type[Recurrent], state: Named) -> Recurrent:
    """Make a network of one layer and one direction with these parameters."""
    (_, inputs), (_, hidden) = state["weight_ih_l0"].shape, state["weight_hh_l0"].shape
    built = kind(inputs, hidden, bias="bias_ih_l0" in state, dtype=state["weight_ih_l0"].dtype)
    built.load_state_dict(state)
    return built


def gradients(built: Recurrent) -> Named:
    """Read the gradient of every parameter, under its name followed by _grad."""
    return {f"{name}_grad": grad for name, _, grad in built.named_parameters()}


def _run_and_back(
    built: Recurrent, x: Array, h_0: Array, running: list[int], output_grad: Array, h_n_grad: Array
) -> Named:
    output, h_n = built.run(x, h_0, running, NAME)
    x_grad, h_0_grad = built.run_backward(output_grad, h_n_grad, running, NAME)
    return {"output": output, "h_n": h_n, "x_grad": x_grad, "h_0_grad": h_0_grad, **gradients(built)}
