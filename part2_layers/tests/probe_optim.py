"""Probes of the optimisers: move a module's parameters step by step, by gradients that are given."""

from __future__ import annotations

from typing import Any

import numpy as np

from part2_layers.module import Module
from part2_layers.optim import SGD, Adam, AdamW, Optimizer, clip_grad_norm_

Array = np.ndarray
Named = dict[str, Any]
OPTIMIZERS = {"SGD": SGD, "Adam": Adam, "AdamW": AdamW}


class Parameters(Module):
    """A module that only holds parameters. "inner.weight" is the weight of a module that it holds."""

    def __init__(self, values: dict[str, Array]) -> None:
        super().__init__()
        within = {name.removeprefix("inner."): value for name, value in values.items() if name.startswith("inner.")}
        for name, value in values.items():
            if not name.startswith("inner."):
                self.add_parameter(name, value.copy())
        if within:
            self.inner = Parameters(within)


def trajectory(
    optimizer: str, parameters: dict[str, Array], gradients: list[dict[str, Array]], lrs: list[float], options: Named
) -> Named:
    """Return the parameters after every step. Each step has its own gradients and learning rate."""
    module, chosen = _start(optimizer, parameters, lrs[0], options)
    return _walk(chosen, module, gradients, lrs)


def resumed_trajectory(
    optimizer: str,
    parameters: dict[str, Array],
    gradients: list[dict[str, Array]],
    lrs: list[float],
    options: Named,
    pause: int,
) -> Named:
    """Do the same, but after `pause` steps both state dicts are saved, and a new module and optimiser go on from them.

    The first ones have gone on by then, too.
    """
    module, chosen = _start(optimizer, parameters, lrs[0], options)
    before_pause = _walk(chosen, module, gradients[:pause], lrs[:pause])
    saved_module, saved = module.state_dict(), chosen.state_dict()
    _walk(chosen, module, gradients[pause:], lrs[pause:])
    module, chosen = _start(optimizer, saved_module, lrs[pause], options)
    chosen.load_state_dict(saved)
    return {**before_pause, **_walk(chosen, module, gradients[pause:], lrs[pause:], first_step=pause + 1)}


def arrays_afterwards(
    optimizer: str, parameters: dict[str, Array], gradients: list[dict[str, Array]], lrs: list[float], options: Named
) -> Named:
    """After all steps: whether each parameter is still the same array, and what its gradient holds."""
    module, chosen = _start(optimizer, parameters, lrs[0], options)
    before = {name: value for name, value, _ in module.named_parameters()}
    _walk(chosen, module, gradients, lrs)
    return {
        "is the same array": {name: value is before[name] for name, value, _ in module.named_parameters()},
        "gradient": {name: grad for name, _, grad in module.named_parameters()},
    }


def new(optimizer: str, options: Named) -> None:
    """An optimiser with these options."""
    OPTIMIZERS[optimizer](Parameters({"weight": np.ones(2)}), **options)


def clip(gradients: dict[str, Array], max_norm: float) -> Named:
    """Clip the gradients of a module; what they are then, and whether each is still the same array."""
    module = _with_gradients(gradients)
    before = {name: grad for name, _, grad in module.named_parameters()}
    clip_grad_norm_(module, max_norm)
    after = {name: grad for name, _, grad in module.named_parameters()}
    return {"gradient": after, "is the same array": {name: grad is before[name] for name, grad in after.items()}}


def norms(gradients: list[dict[str, Array]], max_norm: float) -> Named:
    """Return what clipping returns for each of these gradients."""
    found = [float(clip_grad_norm_(_with_gradients(given), max_norm)) for given in gradients]
    return {"norm": np.array(found, gradients[0]["bias"].dtype)}


def _start(optimizer: str, parameters: dict[str, Array], lr: float, options: Named) -> tuple[Module, Optimizer]:
    module = Parameters(parameters)
    return module, OPTIMIZERS[optimizer](module, lr=lr, **options)


def _walk(
    optimizer: Optimizer, module: Module, gradients: list[dict[str, Array]], lrs: list[float], first_step: int = 1
) -> Named:
    """Take one step with each of the gradients."""
    after = {}
    for step, (given, lr) in enumerate(zip(gradients, lrs, strict=True), start=first_step):
        optimizer.lr = lr
        optimizer.zero_grad()
        _add_gradients(module, given)
        optimizer.step()
        after[f"step {step}"] = {name: value.copy() for name, value, _ in module.named_parameters()}
    return after


def _with_gradients(gradients: dict[str, Array]) -> Module:
    module = Parameters(gradients)
    _add_gradients(module, gradients)
    return module


def _add_gradients(module: Module, gradients: dict[str, Array]) -> None:
    """Add to the gradients, as a backward does."""
    for name, _, grad in module.named_parameters():
        grad += gradients[name]
