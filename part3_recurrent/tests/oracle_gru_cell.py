"""Torch's GRUCell, and the steps that known mistakes would make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, sigmoid, tanh

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part3_recurrent.tests.oracle_cell import (
    Parameters,
    Step,
    as_if,
    lacking,
    products,
    run,
    run_mistakes,
    torch_step,
    with_state_after,
)

Function = Callable[[Tensor], Tensor]


@truth
def gru_cell(state: Answer, x: Array, h: Array | None, grad_output: Array | None = None) -> Answer:
    return run(torch_step(torch.nn.GRUCell), state, x, h, grad_output)


def gru_cell_mistakes(**problem: Any) -> Answer:
    right = gru_cell(**problem)
    found = run_mistakes(right, step, MISTAKEN_STEPS, **problem)
    if "bias_hh_grad" in right:
        found["bias_hh's gradient is that of bias_ih; its third part is multiplied by r"] = {
            "bias_hh_grad": right["bias_ih_grad"]
        }
    return found


def gru_step(
    *,
    r_of: Function = sigmoid,
    z_of: Function = sigmoid,
    n_of: Function = tanh,
    into_n: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] = lambda x_n, r, h_n, h: x_n + r * h_n,
    mix: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda z, n, h: (1 - z) * n + z * h,
    gates: tuple[int, int, int] = (0, 1, 2),
) -> Step:
    """Compute GRUCell's equations; a mistake replaces one of them, or changes the order of r, z and n."""

    def step(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
        of_x, of_h = (product.chunk(3, dim=1) for product in products(parameters, x, h))
        (x_r, x_z, x_n), (h_r, h_z, h_n) = ([product[gate] for gate in gates] for product in (of_x, of_h))
        r, z = r_of(x_r + h_r), z_of(x_z + h_z)
        return mix(z, n_of(into_n(x_n, r, h_n, h)), h)

    return step


step = gru_step()


def _with_reset_before_product(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
    of_x, of_h = (product.chunk(3, dim=1) for product in products(parameters, x, h))
    r, z = (sigmoid(of_x[gate] + of_h[gate]) for gate in (0, 1))
    _, of_reset = products(parameters, x, r * h)
    return (1 - z) * tanh(of_x[2] + of_reset.chunk(3, dim=1)[2]) + z * h


def _with_bias_outside(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
    if "bias_hh" not in parameters:
        return step(parameters, x, h)
    _, _, outside = parameters["bias_hh"].chunk(3)
    return gru_step(into_n=lambda x_n, r, h_n, h: x_n + r * (h_n - outside) + outside)(parameters, x, h)


def _without_way_through_gates(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
    return gru_step(mix=lambda z, n, _: (1 - z) * n + z * h)(parameters, x, h.detach())


# Those of backward alone come first: a missing slope has the gradients of a missing function.
LAYERS_STEPS: dict[str, Step] = {  # of a layer, too
    "the slope of the tanh, 1 - n², is missing": gru_step(n_of=lambda total: as_if(tanh(total), total)),
    "the direct way from h to h' is missing: g z": gru_step(mix=lambda z, n, h: (1 - z) * n + z * h.detach()),
    "the gradient of z has the wrong sign: it is g (h - n)": gru_step(
        mix=lambda z, n, h: (1 - as_if(z, -z)) * n + as_if(z, -z) * h
    ),
    "the gradient of h_n is not multiplied by r: it is dn · r": gru_step(
        into_n=lambda x_n, r, h_n, h: x_n + as_if(r * h_n, r * h_n.detach() + h_n)
    ),
    "the gradient of x_n is multiplied by r; only that of h_n is": gru_step(
        into_n=lambda x_n, r, h_n, h: as_if(x_n, r.detach() * x_n) + r * h_n
    ),
    "weight_hh's gradient is made with the state after the step; it must be the one before": with_state_after(step),
    "bias_hh is missing": lacking(step, "bias_hh"),
    "z and 1 - z are exchanged: z is the share of the old state": gru_step(mix=lambda z, n, h: z * n + (1 - z) * h),
    "r and z are exchanged: the gates stand in the order r, z, n": gru_step(gates=(1, 0, 2)),
    "b_hh's third part is outside of what r multiplies": _with_bias_outside,
    "r is missing": gru_step(into_n=lambda x_n, r, h_n, h: x_n + h_n),
}
MISTAKEN_STEPS: dict[str, Step] = {
    **LAYERS_STEPS,
    "the slope of z's sigmoid, z (1 - z), is missing": gru_step(z_of=lambda total: as_if(sigmoid(total), total)),
    "the slope of r's sigmoid, r (1 - r), is missing": gru_step(r_of=lambda total: as_if(sigmoid(total), total)),
    "h has no gradient through the gates: (dr, dz, dn r) W_hh is missing": _without_way_through_gates,
    "the gradient of z lacks n's part: it is g (h - n)": gru_step(
        mix=lambda z, n, h: (1 - z.detach()) * n + z * h,
    ),
    "the gradient of n lacks its share, 1 - z": gru_step(
        mix=lambda z, n, h: as_if((1 - z) * n, n - z * n.detach()) + z * h,
    ),
    "the gradient of n is multiplied by z, the share of h; its own is 1 - z": gru_step(
        mix=lambda z, n, h: as_if((1 - z) * n, z.detach() * n - z * n.detach()) + z * h,
    ),
    "nothing goes back through r": gru_step(into_n=lambda x_n, r, h_n, h: x_n + r.detach() * h_n),
    "the gradient of r is made with h; r multiplies h_n, W_hh h + b_hh": gru_step(
        into_n=lambda x_n, r, h_n, h: x_n + as_if(r * h_n, r * h.detach() + r.detach() * h_n)
    ),
    "both biases are missing": lacking(step, "bias_ih", "bias_hh"),
    "bias_ih is missing": lacking(step, "bias_ih"),
    "r acts on h before the product with W_hh; in torch it acts on the product": _with_reset_before_product,
    "r acts on x's part too; it acts on W_hh h + b_hh alone": gru_step(into_n=lambda x_n, r, h_n, h: r * (x_n + h_n)),
    "n is made with a sigmoid; it must be tanh": gru_step(n_of=sigmoid),
    "z ⊙ h is missing": gru_step(mix=lambda z, n, h: (1 - z) * n),
}
