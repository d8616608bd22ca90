"""Shared by both training scripts: options, the optimiser, steps, and what goes on between two checkpoints. Given.

A configuration is a frozen dataclass that says everything a run depends on.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from rich.console import Console
from torch import Tensor, nn

from autograder.scripts import checkpoints, options, showing
from autograder.scripts.endings import finite, noticing_interrupts

SAVED = ("model", "optimizer", "torch", "cuda", "step", "losses", "points", "seconds")  # of every run
LOWEST_LR = 0.05  # of the highest, at the end of the cosine


@dataclass(frozen=True)
class Training:
    """The values that every training run depends on, whatever it learns."""

    data: str | None = None
    batch_size: int = 12
    accumulate: int = 1
    steps: int = 2000
    lr: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.1
    dropout: float = 0.0
    max_norm: float = 1.0
    validate_every: int = 250
    seed: int = 0
    device: str = "cpu"
    amp: bool = False

    def __post_init__(self) -> None:
        counts = [name for name, value in asdict(self).items() if type(value) is int and name not in ("warmup", "seed")]
        options.check(self, counts, not_negative=("warmup", "seed"))
        options.require(self, "dropout", 0 <= self.dropout < 1, "lie between 0 and 1")
        check_device(self.device)


def check_device(device: str) -> None:
    """Raise ValueError unless torch can compute there.  On "meta" it knows shapes and no values."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device must be one that is here; got {device}: {reason}") from None


Config = TypeVar("Config", bound=Training)


class Point(NamedTuple):
    """A point of training: after so many steps, the mean training loss since the last point, and what was validated."""

    step: int
    training_loss: float
    validation: dict[str, float]


@dataclass
class Run(ABC, Generic[Config]):
    """A training run, while it goes on and afterwards."""

    config: Config
    model: nn.Module
    optimizer: torch.optim.AdamW
    step: int = 0
    losses: list[float] = field(default_factory=list)  # since the last point
    points: list[Point] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    @abstractmethod
    def batch_loss(self) -> Tensor:
        """Draw a batch and compute its loss."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Compute the numbers of a point, by names."""

    @abstractmethod
    def test(self) -> None:
        """Note how good the model is in the end."""


AnyRun = TypeVar("AnyRun", bound=Run[Any])
AnyModel = TypeVar("AnyModel", bound=nn.Module)
Shows = Callable[[Any], None]


def nothing(run: Any) -> None:
    """Do nothing after a step or a point."""


# Steps


def adamw(model: nn.Module, config: Training, betas: tuple[float, float] = (0.9, 0.99)) -> torch.optim.AdamW:
    """Build AdamW with weight decay for matrices, none for biases and norms."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.lr, betas=betas)


def learning_rate(step: int, config: Training) -> float:
    """Compute the learning rate: linear warm-up, then a cosine down to LOWEST_LR of the highest."""
    warm = min(1.0, (step + 1) / max(1, config.warmup))
    cosine = (1 + math.cos(math.pi * step / config.steps)) / 2
    return config.lr * warm * (LOWEST_LR + (1 - LOWEST_LR) * cosine)


def train(run: AnyRun, on_step: Shows = nothing, on_point: Shows = nothing, until: int | None = None) -> AnyRun:
    """Go on to the last step, or to step `until`, and validate now and then; at the last, test.

    Ctrl-C ends training after the running step, and is noted as `interrupted`.
    """
    config = run.config
    last = config.steps if until is None else min(until, config.steps)
    start = time.perf_counter() - run.seconds
    with noticing_interrupts(run):
        while run.step < last and not run.interrupted:
            train_step(run)
            run.seconds = time.perf_counter() - start
            on_step(run)
            if run.step % config.validate_every == 0 or run.step == config.steps:
                validation = {name: finite(value, run.step, name) for name, value in run.validate().items()}
                run.points.append(Point(run.step, sum(run.losses) / len(run.losses), validation))
                run.losses.clear()
                on_point(run)
    if run.step == config.steps:
        run.test()
    return run


def train_step(run: Run[Any]) -> None:
    """Make one update, from `accumulate` batches."""
    config, model, optimizer = run.config, run.model, run.optimizer
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(run.step, config)
    optimizer.zero_grad()
    total = 0.0
    for _ in range(config.accumulate):
        loss = run.batch_loss() / config.accumulate
        loss.backward()
        total += finite(loss.item(), run.step + 1)
    norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_norm)
    finite(norm.item(), run.step + 1, "gradient norm")
    optimizer.step()
    finite(largest_parameter(model), run.step + 1, "largest parameter")
    run.step += 1
    run.losses.append(total)


def largest_parameter(model: nn.Module) -> float:
    """Find the largest magnitude of all parameters, read from the device at once."""
    return float(torch.stack([parameter.detach().abs().max() for parameter in model.parameters()]).max())


def autocast(config: Training) -> torch.autocast:
    """Compute in bfloat16 with amp, where torch holds it safe."""
    return torch.autocast(torch.device(config.device).type, torch.bfloat16, enabled=config.amp)


# Checkpoints


def save(run: Run[Any], path: Path, script: str, **further: object) -> None:
    """Save everything that training depends on; `further` is what the script depends on besides."""
    state = {
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if run.config.device.startswith("cuda") else None,
        "step": run.step,
        "losses": run.losses,
        "points": [tuple(point) for point in run.points],
        "seconds": run.seconds,
    }
    checkpoints.save_torch(path, run.config, script, {**further, **state})


def restore(run: Run[Any], state: Mapping[str, Any]) -> None:
    """Let a run that has just begun be where the saved one was.  Raises ValueError, or RuntimeError as torch does."""
    load_finite(run.model, state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    for group in run.optimizer.param_groups if state["step"] else ():
        for parameter in group["params"]:
            expected = {"step": torch.tensor(0), "exp_avg": parameter, "exp_avg_sq": parameter}
            checkpoints.check_arrays("optimizer", run.optimizer.state[parameter], expected)
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"].cpu())
    run.step, run.losses, run.seconds = state["step"], state["losses"], state["seconds"]
    run.points = [Point(*point) for point in state["points"]]


def load_finite(model: nn.Module, parameters: Mapping[str, Tensor]) -> None:
    """Load parameters.  Raises ValueError if one is not finite, and RuntimeError as torch does."""
    model.load_state_dict(parameters)
    if not math.isfinite(largest := largest_parameter(model)):
        raise ValueError(f"its parameters must be finite; got {largest}. Train again with a smaller --lr.")


def loaded(model: AnyModel, state: Mapping[str, Any], device: str) -> AnyModel:
    """Give the model the parameters of a saved run, and set it to evaluation mode."""
    load_finite(model, state["model"])
    return model.to(device).eval()


# The command


def add_options(parser: options.Parser, defaults: Training, meanings: Mapping[str, str]) -> None:
    """Add an option for each of these fields of a configuration, and those that every training script has."""
    parser.add_settings(meanings, defaults)
    parser.add_argument("--device", default=defaults.device, help="where to train: cpu, cuda, mps (default: cpu)")
    parser.add_argument("--amp", action="store_true", help="compute in bfloat16 where torch holds it safe")
    parser.add_resume("last.pt")


def learn(
    run: AnyRun, save: Callable[[AnyRun, Path], None], path: Path, console: Console, speed: tuple[int, str]
) -> bool:
    """Train and show how far it is, with a checkpoint at every point and at the end. False if Ctrl-C ended it.

    `speed` is what a step reads: how many, and of what.
    """
    (units, unit), first, began = speed, run.step, run.seconds

    def speed_of(run: AnyRun) -> str:
        return f"{(run.step - first) * units / max(1e-9, run.seconds - began):,.0f} {unit}/s"

    def on_point(run: AnyRun) -> None:
        save(run, path)
        point = run.points[-1]
        validation = "  ".join(f"{name} {value:.4f}" for name, value in point.validation.items())
        steps = f"step {point.step} of {run.config.steps}"
        console.print(f"{steps}  training {point.training_loss:.4f}  {validation}  {speed_of(run)}")

    with showing.progress(console, "step", run.config.steps, run.step) as show:

        def on_step(run: AnyRun) -> None:
            show(run.step, f"loss {run.losses[-1]:.3f}  {speed_of(run)}")

        train(run, on_step, on_point)
    save(run, path)
    if run.interrupted:
        console.print(f"Stopped by Ctrl-C after step {run.step}. --resume goes on from there.")
    return not run.interrupted
