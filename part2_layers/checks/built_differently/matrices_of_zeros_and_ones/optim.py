"""Optimisers that compute in float64, and round once, where the parameter changes in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import ndarray

from part2_layers.module import Module, check_fraction


class Optimizer:
    """Base of all optimisers: the module, the learning rate, and arrays for each parameter, by torch's names.

    `state[name]["momentum_buffer"]` belongs to the parameter of this name.
    Raises ValueError for a learning rate or a weight decay that is negative.
    """

    def __init__(self, module: Module, lr: float, weight_decay: float) -> None:
        self.module = module
        self.lr = check_not_negative("lr", lr)
        self.weight_decay = check_not_negative("weight_decay", weight_decay)
        self.state: dict[str, dict[str, ndarray]] = {}

    def zero_grad(self) -> None:
        """Set the gradients of the module to zero."""
        self.module.zero_grad()

    def step(self) -> None:
        """Move every parameter."""
        for name, value, grad in self.module.named_parameters():
            self.update(value, grad, self.state.setdefault(name, {}))

    def update(self, value: ndarray, grad: ndarray, state: dict[str, ndarray]) -> None:
        """Move one parameter, in place. `state` is its own, and empty before the first step."""
        raise TypeError(f"{type(self).__name__} must define update; it does not.")

    def state_dict(self) -> dict[str, ndarray]:
        """Return a copy of everything that the next step depends on, besides the parameters: `<parameter>.<name>`."""
        return {f"{name}.{key}": np.array(value) for name, kept in self.state.items() for key, value in kept.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state_dict.  Raises ValueError, with nothing changed, if it names unknown parameters."""
        names = {name for name, _, _ in self.module.named_parameters()}
        unknown = [key for key in state_dict if key.rpartition(".")[0] not in names]
        if unknown:
            raise ValueError(f"state_dict must name parameters of the module; got {', '.join(unknown)}.")
        self.state = {}
        for key, value in state_dict.items():
            name, _, kept = key.rpartition(".")
            self.state.setdefault(name, {})[kept] = np.array(value)


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum as torch has it     (Sutskever et al. 2013, section 2).

    g ← grad + weight_decay · w;  m ← momentum · m + g, where the first m is g;  w ← w - lr · m
    With nesterov the step is lr · (g + momentum · m).  Without momentum it is lr · g.
    Raises ValueError for negative values, a momentum outside 0 to 1, and nesterov without momentum.
    """

    def __init__(
        self,
        module: Module,
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(module, lr, weight_decay)
        self.momentum = check_fraction("momentum", momentum)
        if nesterov and momentum == 0:
            raise ValueError("momentum must be positive for nesterov; got 0.")
        self.nesterov = nesterov

    def update(self, value: ndarray, grad: ndarray, state: dict[str, ndarray]) -> None:
        """w ← w - lr · m, or as nesterov or a momentum of 0 want it.  The buffer is state["momentum_buffer"]."""
        wide = grad.astype(np.float64) + self.weight_decay * value
        before = state.get("momentum_buffer")
        state["momentum_buffer"] = wide if before is None else self.momentum * before + wide
        step = wide + self.momentum * state["momentum_buffer"] if self.nesterov else state["momentum_buffer"]
        value[...] = value - self.lr * step


class Adam(Optimizer):
    """Steps of about lr for every number, whatever the size of its gradients     (Kingma and Ba 2015, algorithm 1).

    g ← grad + weight_decay · w;  m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²
    w ← w - lr · m̂ / (√v̂ + ε), where m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) at step t = 1, 2, …
    Raises ValueError for negative values and for betas outside 0 to 1, 1 excluded.
    """

    def __init__(
        self,
        module: Module,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(module, lr, weight_decay)
        self.betas = (
            check_fraction("betas", betas[0], below_one=True),
            check_fraction("betas", betas[1], below_one=True),
        )
        self.eps = check_not_negative("eps", eps)

    def update(self, value: ndarray, grad: ndarray, state: dict[str, ndarray]) -> None:
        """w ← w - lr · m̂ / (√v̂ + ε).  m, v and t are state["exp_avg"], ["exp_avg_sq"] and ["step"]."""
        wide = grad.astype(np.float64) + self.weight_decay * value
        averages = {"exp_avg": wide, "exp_avg_sq": np.square(wide)}
        state["step"] = state.get("step", np.array(0)) + 1
        for (kept, number), beta in zip(averages.items(), self.betas, strict=True):
            before = state.get(kept, np.zeros_like(number))
            state[kept] = before + (1 - beta) * (number - before)
        m, v = (state[kept] / (1 - beta ** int(state["step"])) for kept, beta in zip(averages, self.betas, strict=True))
        np.subtract(value, self.lr * m / (v**0.5 + self.eps), out=value, casting="same_kind")


class AdamW(Adam):
    """Adam whose weight decay does not pass through the averages     (Loshchilov and Hutter 2019, algorithm 2).

    w ← w - lr · weight_decay · w, then Adam's step without weight decay.
    """

    def __init__(
        self,
        module: Module,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(module, lr, betas, eps)
        self.decoupled_weight_decay = check_not_negative("weight_decay", weight_decay)

    def update(self, value: ndarray, grad: ndarray, state: dict[str, ndarray]) -> None:
        """w ← w - lr · weight_decay · w, then Adam's step; the weight decay is self.decoupled_weight_decay."""
        decay = self.lr * self.decoupled_weight_decay * value
        super().update(value, grad, state)
        value -= decay


def clip_grad_norm_(module: Module, max_norm: float) -> ndarray:
    """Shorten the gradients of all parameters, taken as one vector, to max_norm; the result is their norm before.

    grad ← grad · min(1, max_norm / (norm + 10⁻⁶)), where norm = √Σ grad²; gradients that are all zero stay so.

    Raises ValueError for a max_norm that is not positive.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be positive; got {max_norm}.")
    gradients = [grad for _, _, grad in module.named_parameters()]
    norm = np.linalg.norm([np.linalg.norm(grad) for grad in gradients])
    for grad in gradients:
        np.multiply(grad, np.minimum(1, max_norm / (norm + 1e-6)), out=grad, casting="same_kind")
    return np.asarray(norm)


def check_not_negative(name: str, value: float) -> float:
    """Return the value as it is. Raises ValueError if it is negative or nan."""
    if not value >= 0:
        raise ValueError(f"{name} must not be negative; got {value}.")
    return value
