"""Optimisers: move every parameter a small step against its gradient.

Parameters change in place, so that the module, a tape and anybody else who holds the array see the new values.
The gradients stay as they are: call zero_grad before the next backward.
"""

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
        ### BEGIN SOLUTION sgd.step: w ← w - lr · m, in place
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        if self.momentum:
            if "momentum_buffer" in state:
                state["momentum_buffer"] *= self.momentum
                state["momentum_buffer"] += grad
            else:
                state["momentum_buffer"] = grad.copy()
            momentum = state["momentum_buffer"]
            grad = grad + self.momentum * momentum if self.nesterov else momentum
        value -= self.lr * grad
        ### END SOLUTION


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
        ### BEGIN SOLUTION adam.step: w ← w - lr · m̂ / (√v̂ + ε), in place
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        if not state:
            state |= {"step": np.array(0), "exp_avg": np.zeros_like(value), "exp_avg_sq": np.zeros_like(value)}
        (beta1, beta2), t, m, v = self.betas, state["step"], state["exp_avg"], state["exp_avg_sq"]
        t += 1
        m[...] = beta1 * m + (1 - beta1) * grad
        v[...] = beta2 * v + (1 - beta2) * grad**2
        m_hat = m / (1 - beta1 ** int(t))
        v_hat = v / (1 - beta2 ** int(t))
        value -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)
        ### END SOLUTION


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
        ### BEGIN SOLUTION adamw.step: shrink w, then do as Adam does
        value *= 1 - self.lr * self.decoupled_weight_decay
        super().update(value, grad, state)
        ### END SOLUTION


def clip_grad_norm_(module: Module, max_norm: float) -> ndarray:
    """Shorten the gradients of all parameters, taken as one vector, to max_norm; the result is their norm before.

    grad ← grad · min(1, max_norm / (norm + 10⁻⁶)), where norm = √Σ grad²; gradients that are all zero stay so.

    Raises ValueError for a max_norm that is not positive.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be positive; got {max_norm}.")
    ### BEGIN SOLUTION optim.clip_grad_norm: grad · min(1, max_norm / (norm + 10⁻⁶)), in place; return the norm
    gradients = [grad for _, _, grad in module.named_parameters()]
    norm = np.sqrt(sum(np.vdot(grad, grad) for grad in gradients))
    scale = max_norm / (norm + 1e-6)
    if scale < 1:
        for grad in gradients:
            grad *= scale
    return np.asarray(norm)
    ### END SOLUTION


def check_not_negative(name: str, value: float) -> float:
    """Return the value as it is. Raises ValueError if it is negative or nan."""
    if not value >= 0:
        raise ValueError(f"{name} must not be negative; got {value}.")
    return value
