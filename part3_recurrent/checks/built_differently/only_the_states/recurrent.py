"""Recurrent: layers above one another, one or two directions, sequences of different lengths.

RNN and GRU differ only in how one direction of one layer runs over time: `run` and `run_backward`, in their own files.
Everything else about a recurrent network is here.

Padding never counts.  The batch is sorted, the longest sequence first, so that at every time step the sequences that
are still running are the first rows: `running[t]` of them, and `h[:running[t]]` is all that a step touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.dropout import Dropout
from part2_layers.module import Module, check_floats, check_grad_output, check_shape, integer, uniform
from part3_recurrent.lengths import checked_lengths, longest_first, turned


class Recurrent(Module):
    """num_layers layers; each takes the output of the one below, of both directions if there are two.

    Parameters, for layer l and "_reverse" for the second direction: weight_ih_l0 (gates·n, i), weight_hh_l0
    (gates·n, n), bias_ih_l0 and bias_hh_l0 (gates·n,), uniform between ±1/√n.  Dropout acts between layers.
    Raises ValueError for sizes that are not positive and a dropout outside 0 to 1.
    """

    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        bidirectional: bool = False,
        batch_first: bool = False,
        dropout: float = 0.0,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.input_size = integer("input_size", input_size)
        self.hidden_size = integer("hidden_size", hidden_size)
        self.num_layers = integer("num_layers", num_layers)
        self.batch_first, self.bias = batch_first, bias
        self.suffixes = ("", "_reverse") if bidirectional else ("",)
        rng, n = rng or np.random.default_rng(), hidden_size
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else n * len(self.suffixes)
            for suffix in self.suffixes:
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (self.gates * n, inputs),
                    "weight_hh": (self.gates * n, n),
                }
                shapes |= {"bias_ih": (self.gates * n,), "bias_hh": (self.gates * n,)} if bias else {}
                for name, shape in shapes.items():
                    self.add_parameter(f"{name}_l{layer}{suffix}", uniform(rng, shape, n, dtype))
            if layer < num_layers - 1:
                setattr(self, f"dropout_l{layer}", Dropout(dropout, rng))

    # One direction of one layer: what RNN and GRU define

    def run(self, x: ndarray, h_0: ndarray, running: Sequence[int], name: str) -> tuple[ndarray, ndarray]:
        """Compute the output (t, b, n), zero after each end, and h_n (b, n) from x (t, b, ·) and h_0 (b, n).

        `name` is that of the layer and direction, such as "l0_reverse".
        """
        raise TypeError(f"{type(self).__name__} must define run; it does not.")

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """Compute the gradients of x (t, b, ·) and h_0 (b, n), and add those of the parameters to theirs."""
        raise TypeError(f"{type(self).__name__} must define run_backward; it does not.")

    # All of them

    def forward(
        self, x: ndarray, h_0: ndarray | None = None, lengths: ndarray | Sequence[int] | None = None
    ) -> tuple[ndarray, ndarray]:
        """Compute the top layer's output at every time, and every layer's last hidden state.

        Shapes: x (t, b, i), or (b, t, i) with batch_first; h_0 and h_n (layers · directions, b, n), zeros without h_0;
        output (t, b, directions · n) or (b, t, directions · n).  Both directions of a layer are neighbours in h_n.
        With lengths (b,) the output is zero after each end, and h_n holds the state at each end.  A batch of 0 works.
        Raises TypeError for anything but floats, ValueError for another shape and for lengths outside 1 to t.
        """
        check_floats("x", x)
        check_shape(
            "x", x, ("batch", "time", self.input_size) if self.batch_first else ("time", "batch", self.input_size)
        )
        x = x.swapaxes(0, 1) if self.batch_first else x
        time, batch, _ = x.shape
        if time == 0:
            raise ValueError(f"x must have a time step at least; got shape {x.shape}.")
        lengths = np.full(batch, time) if lengths is None else checked_lengths("lengths", lengths, time, batch)
        states = (self.num_layers * len(self.suffixes), batch, self.hidden_size)
        if h_0 is None:
            h_0 = np.zeros(states, x.dtype)
        check_floats("h_0", h_0)
        check_shape("h_0", h_0, states)
        self.order, self.original = longest_first(lengths)
        self.lengths = lengths[self.order]
        self.running = [int(count) for count in (self.lengths > np.arange(time)[:, None]).sum(axis=1)]
        output, h_n = self.stack_forward(self.without_padding(x[:, self.order]), h_0[:, self.order])
        output, h_n = output[:, self.original], h_n[:, self.original]
        output = output.swapaxes(0, 1) if self.batch_first else output
        self.output_shape, self.h_n_shape = output.shape, h_n.shape
        return output, h_n

    def stack_forward(self, x: ndarray, h_0: ndarray) -> tuple[ndarray, ndarray]:
        """Run every layer and direction, for a batch that is sorted by length: the top layer's output, and h_n.

        The second direction runs on the reversed sequences, and its output is reversed again.
        """
        states, h_n = iter(h_0), []
        for layer in range(self.num_layers):
            x = self.dropout_after(layer - 1).forward(x) if layer else x
            runs = [
                self.run(self.along(suffix, x), next(states), self.running, f"l{layer}{suffix}")
                for suffix in self.suffixes
            ]
            h_n += [last for _, last in runs]
            outputs = [self.along(suffix, output) for suffix, (output, _) in zip(self.suffixes, runs, strict=True)]
            x = np.dstack(outputs)
        return x, np.array(h_n)

    def backward(self, output_grad: ndarray, h_n_grad: ndarray | None = None) -> tuple[ndarray, ndarray]:
        """Compute the gradients of x and h_0, given those of output and h_n (zeros if None).

        Shapes: as in forward.  What stands after the end of a sequence has no gradient.
        Raises RuntimeError before the first forward, ValueError for another shape.
        """
        check_grad_output(output_grad, self.output_shape)
        h_n_grad = np.zeros(self.h_n_shape, output_grad.dtype) if h_n_grad is None else h_n_grad
        check_floats("h_n_grad", h_n_grad)
        check_shape("h_n_grad", h_n_grad, self.h_n_shape)
        output_grad = output_grad.swapaxes(0, 1) if self.batch_first else output_grad
        x_grad, h_0_grad = self.stack_backward(output_grad[:, self.order], h_n_grad[:, self.order])
        x_grad, h_0_grad = x_grad[:, self.original], h_0_grad[:, self.original]
        return (x_grad.swapaxes(0, 1) if self.batch_first else x_grad), h_0_grad

    def stack_backward(self, output_grad: ndarray, h_n_grad: ndarray) -> tuple[ndarray, ndarray]:
        """Go back through stack_forward: the last layer first, and the directions' gradients of x add up."""
        h_0_grads: list[ndarray] = []
        for layer in range(self.num_layers)[::-1]:
            x_grads = []
            for direction in range(len(self.suffixes))[::-1]:
                suffix, units = (
                    self.suffixes[direction],
                    slice(direction * self.hidden_size, (direction + 1) * self.hidden_size),
                )
                grad = self.along(suffix, output_grad[:, :, units])
                h_n_grad, last_grad = h_n_grad[:-1], h_n_grad[-1]
                grad, h_0_grad = self.run_backward(grad, last_grad, self.running, f"l{layer}{suffix}")
                x_grads.append(self.along(suffix, grad))
                h_0_grads.insert(0, h_0_grad)
            output_grad = np.add.reduce(x_grads)
            if layer:
                output_grad = self.dropout_after(layer - 1).backward(output_grad)
        return output_grad, np.array(h_0_grads)

    def along(self, suffix: str, x: ndarray) -> ndarray:
        """Turn x round for the second direction."""
        return self.reversed(x) if suffix else x

    # Helpers, given

    def parameters_of(self, name: str) -> tuple[ndarray, ndarray, ndarray | float, ndarray | float]:
        """Return weight_ih, weight_hh, bias_ih and bias_hh of a layer and direction; 0 for a bias that is not there."""
        biases = [getattr(self, f"{kind}_{name}") if self.bias else 0.0 for kind in ("bias_ih", "bias_hh")]
        return getattr(self, f"weight_ih_{name}"), getattr(self, f"weight_hh_{name}"), biases[0], biases[1]

    def add_gradients(
        self, name: str, weight_ih: ndarray, weight_hh: ndarray, bias_ih: ndarray, bias_hh: ndarray
    ) -> None:
        """Add to the gradients of a layer and direction."""
        for kind, gradient in (("weight_ih", weight_ih), ("weight_hh", weight_hh)):
            getattr(self, f"{kind}_{name}_grad").__iadd__(gradient)
        if self.bias:
            getattr(self, f"bias_ih_{name}_grad").__iadd__(bias_ih)
            getattr(self, f"bias_hh_{name}_grad").__iadd__(bias_hh)

    def dropout_after(self, layer: int) -> Dropout:
        """Return the dropout between this layer and the next."""
        dropout: Dropout = getattr(self, f"dropout_l{layer}")
        return dropout

    def without_padding(self, x: ndarray) -> ndarray:
        """Put zeros after each end of x (t, b, ·): 0 · nan would be nan in a product over time."""
        if self.running[-1] == x.shape[1]:
            return x
        return np.where((np.arange(len(x))[:, None] < self.lengths)[:, :, None], x, 0)

    def reversed(self, x: ndarray) -> ndarray:
        """Reverse each sequence of x (t, b, ·); the padding stays behind it."""
        return x[turned(len(x), self.lengths), np.arange(x.shape[1])]
