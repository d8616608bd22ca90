"""Benchmarks of the tape beside torch: `python -m part1_autograd.benchmarks`.

Time is process CPU time of one thread, in float32. Two sides take turns in one process, and a ratio is the median of
the ratios of all rounds. Before anything is timed, the gradients are compared with torch's.
The reference is measured where there is one; SFRATORCH_CODE=own measures the files in place.
"""

from __future__ import annotations

import importlib.util
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from autograder.scripts import side_by_side
from autograder.scripts.side_by_side import Row, Step, beside, by_turns

if TYPE_CHECKING:
    import numpy as np

SIZES = (1, 256, 4096, 65536)
LENGTHS = (10, 100, 10_000, 100_000)
MAIN_LENGTH, MAIN_SIZE = 1000, 16
MICROSECOND = 1e-6

Gradients = list[Any]
Chain = Callable[[], Gradients]


def steps(rounds: int) -> list[Step]:
    """Return every row of the table."""
    measured: list[Step] = [partial(beside_torch, MAIN_LENGTH, MAIN_SIZE, rounds, (0.45, 0.33))]
    if importlib.util.find_spec("autograd"):
        measured.append(partial(beside_hips, rounds))
    measured += [partial(beside_torch, MAIN_LENGTH, size, rounds) for size in SIZES]
    measured += [partial(beside_torch, length, MAIN_SIZE, rounds) for length in LENGTHS]
    return [*measured, partial(flatness, rounds), memory]


def beside_torch(length: int, size: int, rounds: int, goals: tuple[float, float] | None = None) -> list[Row]:
    """Measure an operation of y = y·a + b, forward and backward, beside torch."""
    ours, theirs = our_chain(length, size), torch_chain(length, size)
    side_by_side.compare(ours(), theirs(), "xab")
    return [beside(title(length, size), ours, theirs, rounds, goals, unit=length * MICROSECOND)]


def beside_hips(rounds: int) -> list[Row]:
    """Measure the same beside HIPS autograd, which differentiates NumPy too."""
    ours, theirs = our_chain(MAIN_LENGTH, MAIN_SIZE), hips_chain(MAIN_LENGTH, MAIN_SIZE)
    side_by_side.compare(ours(), theirs(), "xab")
    work = title(MAIN_LENGTH, MAIN_SIZE)
    return [beside(work, ours, theirs, rounds, name="HIPS autograd", unit=MAIN_LENGTH * MICROSECOND)]


def flatness(rounds: int) -> list[Row]:
    """Measure an operation on a long tape beside one on a short tape."""
    short, long = our_chain(100, MAIN_SIZE), our_chain(10_000, MAIN_SIZE)
    ratio, long_time, short_time = by_turns(long, short, rounds)
    work = "an operation among 10 000, µs"
    times = long_time / (10_000 * MICROSECOND), short_time / (100 * MICROSECOND)
    return [Row(work, *times, "among 100", ratio / 100, 1.5, 1.2)]


def memory() -> list[Row]:
    """Measure the memory of the tape for every operation, and what backward needs and leaves."""
    small, _, _ = traced_memory(10_000, MAIN_SIZE, release=False)
    tape, peak, _ = traced_memory(1000, 16384, release=False)
    _, released_peak, left = traced_memory(1000, 16384, release=True)
    array = sys.getsizeof(chain_values(MAIN_SIZE)[1])
    work, name = "1000 operations on (16384,), MB", "the tape"
    return [
        Row(
            f"an operation on ({MAIN_SIZE},) on the tape, bytes",
            small / 10_000,
            array,
            "its output",
            small / 10_000 / array,
        ),
        Row(f"{work}: peak of backward", peak / 1e6, tape / 1e6, name, peak / tape, 1.1, 1.0),
        Row(f"{work}: peak with release=True", released_peak / 1e6, tape / 1e6, name, released_peak / tape, 1.1, 1.0),
        Row(f"{work}: left after release=True", left / 1e6, tape / 1e6, name, left / tape, 0.05, 0.01),
    ]


# The chains: y = y·a + b, which is two operations, until `length` operations are on the tape


def title(length: int, size: int) -> str:
    """Name the row of a chain."""
    return f"y = y·a + b, {length} operations on ({size},), µs each"


def chain_values(size: int) -> list[np.ndarray]:
    """Draw x, a, b and dL/dy. With a = ±1 nothing overflows or vanishes, however long the chain."""
    import numpy as np

    rng = np.random.default_rng(0)
    x, b, grad_output = rng.standard_normal((3, size), dtype=np.float32)
    return [x, np.where(rng.random(size) < 0.5, -1, 1).astype(np.float32), b, grad_output]


def our_chain(length: int, size: int) -> Chain:
    """Make the chain on our tape. The gradients are x's, a's and b's."""
    from part1_autograd.autograd_engine import Autograd
    from part1_autograd.tensor import Tensor

    engine, (*leaves, grad_output) = Autograd(), chain_values(size)
    x, a, b = (Tensor(leaf, requires_grad=True, autograd=engine) for leaf in leaves)

    def run() -> Gradients:
        y = x
        for _ in range(length // 2):
            y = y * a + b
        y.backward(grad_output)
        gradients = [x.grad, a.grad, b.grad]
        engine.zero_grad()
        return gradients

    return run


def torch_chain(length: int, size: int) -> Chain:
    """Make the chain in torch."""
    import torch

    *leaves, grad_output = (torch.from_numpy(value) for value in chain_values(size))
    x, a, b = (leaf.requires_grad_() for leaf in leaves)

    def run() -> Gradients:
        y = x
        for _ in range(length // 2):
            y = y * a + b
        y.backward(grad_output)  # type: ignore[no-untyped-call]
        gradients: Gradients = [x.grad, a.grad, b.grad]
        x.grad = a.grad = b.grad = None
        return gradients

    return run


def hips_chain(length: int, size: int) -> Chain:
    """Make the chain in HIPS autograd."""
    from autograd import make_vjp

    *leaves, grad_output = chain_values(size)

    def chain(x: Any, a: Any, b: Any) -> Any:
        y = x
        for _ in range(length // 2):
            y = y * a + b
        return y

    def run() -> Gradients:
        backward, _ = make_vjp(chain, argnum=(0, 1, 2))(*leaves)
        return list(backward(grad_output))

    return run


def traced_memory(length: int, size: int, release: bool) -> tuple[int, int, int]:
    """Measure the bytes of the tape after the chain, at the peak of backward, and after backward."""
    from part1_autograd.autograd_engine import Autograd
    from part1_autograd.tensor import Tensor

    engine, (*leaves, grad_output) = Autograd(), chain_values(size)
    x, a, b = (Tensor(leaf, requires_grad=True, autograd=engine) for leaf in leaves)
    tracemalloc.start()
    y = x
    for _ in range(length // 2):
        y = y * a + b
    tape, _ = tracemalloc.get_traced_memory()
    engine.backward(y, grad_output, release=release)
    del y
    left, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return tape, peak, left


if __name__ == "__main__":
    missing = "HIPS autograd is not installed, so it is not in the table (pip install autograd)."
    notes = [] if importlib.util.find_spec("autograd") else [missing]
    sys.exit(side_by_side.main("part1_autograd", __doc__, steps, notes))
