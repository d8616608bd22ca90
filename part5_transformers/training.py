"""What both training scripts share: the optimiser, steps, checkpoints, Ctrl-C, and what shows how far it is. Given.

A configuration is a frozen dataclass that says everything a run depends on.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

LOWEST_LR = 0.05  # of the highest, at the end of the cosine


@dataclass(frozen=True)
class Training:
    """What every training run depends on, whatever it learns."""

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
        for name, value in asdict(self).items():
            if type(value) is int and name not in ("warmup", "seed") and value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}.")
        for name in ("warmup", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative; got {getattr(self, name)}.")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr must be positive; got {self.lr}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie between 0 and 1; got {self.dropout}.")
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"device must be one that is here; got {self.device}: {reason}") from None


Config = TypeVar("Config", bound=Training)


class Point(NamedTuple):
    """How far training is: after so many steps, the mean training loss since the last point, and what was validated."""

    step: int
    training_loss: float
    validation: dict[str, float]


@dataclass
class Run(Generic[Config]):
    """A training run, while it goes on and afterwards."""

    config: Config
    model: nn.Module
    optimizer: torch.optim.AdamW
    step: int = 0
    losses: list[float] = field(default_factory=list)  # since the last point
    points: list[Point] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False


AnyRun = TypeVar("AnyRun", bound=Run[Any])
Shows = Callable[[Any], None]


def nothing(run: Any) -> None:
    """What is done after a step or a point where nothing else is."""


# Steps


def adamw(model: nn.Module, config: Training, betas: tuple[float, float] = (0.9, 0.99)) -> torch.optim.AdamW:
    """Weight decay for matrices, none for biases and norms."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.lr, betas=betas)


def learning_rate(step: int, config: Training) -> float:
    """Linear warm-up, then a cosine down to LOWEST_LR of the highest."""
    warm = min(1.0, (step + 1) / max(1, config.warmup))
    cosine = (1 + math.cos(math.pi * step / config.steps)) / 2
    return config.lr * warm * (LOWEST_LR + (1 - LOWEST_LR) * cosine)


def proceed(
    run: AnyRun,
    batch_loss: Callable[[], Tensor],
    validate: Callable[[], dict[str, float]],
    on_step: Shows,
    on_point: Shows,
    until: int | None = None,
) -> None:
    """Go on to the last step, or to step `until`, and validate now and then.

    `batch_loss` draws a batch and gives its loss.  Ctrl-C ends training after the running step, and is noted as
    `interrupted`.
    """
    config = run.config
    last = config.steps if until is None else min(until, config.steps)
    start = time.perf_counter() - run.seconds
    with noticing_interrupts(run):
        while run.step < last and not run.interrupted:
            train_step(run, batch_loss)
            run.seconds = time.perf_counter() - start
            on_step(run)
            if run.step % config.validate_every == 0 or run.step == config.steps:
                run.points.append(Point(run.step, sum(run.losses) / len(run.losses), validate()))
                run.losses.clear()
                on_point(run)


def train_step(run: Run[Any], batch_loss: Callable[[], Tensor]) -> None:
    """One update, from `accumulate` batches."""
    config, model, optimizer = run.config, run.model, run.optimizer
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(run.step, config)
    optimizer.zero_grad()
    total = 0.0
    for _ in range(config.accumulate):
        loss = batch_loss() / config.accumulate
        loss.backward()
        total += loss.item()
    nn.utils.clip_grad_norm_(model.parameters(), config.max_norm)
    optimizer.step()
    run.step += 1
    run.losses.append(total)


def autocast(config: Training) -> torch.autocast:
    """bfloat16 with amp, where torch holds it safe."""
    return torch.autocast(torch.device(config.device).type, torch.bfloat16, enabled=config.amp)


@contextlib.contextmanager
def noticing_interrupts(run: Run[Any]) -> Iterator[None]:
    """Ctrl-C becomes `run.interrupted`, so that no step is left half done; a second one is an error as ever."""

    def notice(number: int, frame: object) -> None:
        if run.interrupted:
            raise KeyboardInterrupt
        run.interrupted = True

    try:
        before = signal.signal(signal.SIGINT, notice)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# Checkpoints


def save(run: Run[Any], path: Path, script: str, **further: object) -> None:
    """Everything that training depends on, whole or not at all; `further` is what the script depends on besides."""
    state = {
        **further,
        "script": script,
        "config": asdict(run.config),
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if run.config.device.startswith("cuda") else None,
        "step": run.step,
        "losses": run.losses,
        "points": [tuple(point) for point in run.points],
        "seconds": run.seconds,
    }
    beside = path.with_name(path.name + ".part")
    torch.save(state, beside)
    os.replace(beside, path)


def saved(path: Path, config: Training, script: str) -> dict[str, Any]:
    """What was saved there.  Raises ValueError for another file, another script's, or another configuration."""
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=config.device)
        before = type(config)(**state["config"])
        if state["script"] != script:
            raise ValueError(f"it is of {state['script']}")
    except FileNotFoundError:
        raise ValueError(f"--resume must find a checkpoint; got {path}, which is not there.") from None
    except Exception as error:  # what torch.load raises for a damaged file, or one that holds code, is not documented
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"--resume must be given a checkpoint of this script; got {path}: {reason}") from None
    if before != config:
        different = [name for name, value in asdict(config).items() if value != getattr(before, name)]
        raise ValueError(f"--resume must have the options of the run in {path}; {', '.join(different)} differ.")
    return state


def restore(run: Run[Any], state: Mapping[str, Any]) -> None:
    """Let a run that has just begun be where the saved one was."""
    run.model.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"].cpu())
    run.step, run.losses, run.seconds = state["step"], state["losses"], state["seconds"]
    run.points = [Point(*point) for point in state["points"]]


# The command


def add_settings(parser: argparse.ArgumentParser, defaults: Training, settings: Mapping[str, str]) -> None:
    """An option for each of these fields of a configuration, and those that every training script has."""
    for name, what in settings.items():
        default = getattr(defaults, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            default=default,
            metavar="NAME" if isinstance(default, str) else "N",
            help=f"{what} (default: {default})",
        )
    parser.add_argument("--device", default=defaults.device, help="where to train: cpu, cuda, mps (default: cpu)")
    parser.add_argument("--amp", action="store_true", help="compute in bfloat16 where torch holds it safe")
    parser.add_argument("--resume", action="store_true", help="go on from last.pt in the folder of --out")


@contextlib.contextmanager
def progress(run: Run[Any], console: Console, units: int, unit: str) -> Iterator[tuple[Shows, Shows]]:
    """What shows how far training is: a bar on a terminal, and a line for each point.  A step reads so many units."""
    first, began = run.step, run.seconds

    def speed(run: Run[Any]) -> str:
        return f"{(run.step - first) * units / max(1e-9, run.seconds - began):,.0f} {unit}/s"

    def show_point(run: Run[Any]) -> None:
        point = run.points[-1]
        validation = "  ".join(f"{name} {value:.4f}" for name, value in point.validation.items())
        console.print(
            f"step {point.step} of {run.config.steps}  training {point.training_loss:.4f}  {validation}  {speed(run)}"
        )

    if not console.is_terminal:
        yield nothing, show_point
        return
    text = TextColumn("step {task.completed} of {task.total}  {task.fields[state]}", markup=False)
    with Progress(text, BarColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("", total=run.config.steps, completed=run.step, state="")

        def on_step(run: Run[Any]) -> None:
            loss = run.losses[-1] if run.losses else math.nan
            bar.update(task, completed=run.step, state=f"loss {loss:.3f}  {speed(run)}")

        yield on_step, show_point
