"""How fast the tape is, beside torch: `python -m part1_autograd.benchmarks`.

Time is process CPU time of one thread, in float32. Two sides take turns in one process, and a ratio is the median of
the ratios of all rounds. Before anything is timed, the gradients are compared with torch's.
The reference is measured where there is one; SFRATORCH_CODE=own measures the files in place.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

HERE = Path(__file__).resolve().parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
SHORTEST_TURN = 0.05  # seconds; the clock of some systems moves in steps of a sixtieth
SIZES = (1, 256, 4096, 65536)
LENGTHS = (10, 100, 10_000, 100_000)
MAIN_LENGTH, MAIN_SIZE = 1000, 16

Gradients = list[Any]
Run = Callable[[], Gradients]


@dataclass(frozen=True)
class Row:
    """A line of the table and of the JSON file."""

    work: str
    ours: float
    reference: float
    reference_name: str
    ratio: float
    must_reach: float | None = None
    aim_for: float | None = None
    better: str = "lower"


def main() -> int:
    """Measure, print the table, write the JSON file."""
    options = parse(sys.argv[1:])
    code = os.environ.get("SFRATORCH_CODE") or ("solution" if (HERE / "solution").is_dir() else "own")
    environment = {**ONE_THREAD, "SFRATORCH_CODE": "solution" if options.solution else code}
    if any(os.environ.get(name) != value for name, value in environment.items()):
        return restart(environment)  # NumPy and part1_autograd read these variables once, when they are imported
    from rich.console import Console

    rows = measure_all(options.rounds)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table(rows, f"Part 1, {environment['SFRATORCH_CODE']}, {options.rounds} rounds"))
    if importlib.util.find_spec("autograd") is None:
        console.print("HIPS autograd is not installed, so it is not in the table (pip install autograd).")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options. A wrong one ends the program with exit code 2 and one line that says what is right."""
    parser = argparse.ArgumentParser(prog="python -m part1_autograd.benchmarks", description=__doc__)
    parser.add_argument("--solution", action="store_true", help="measure the reference, whatever SFRATORCH_CODE says")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the rows here too")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="rounds to take the median of (default 9)")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {options.rounds}.")
    if options.solution and not (HERE / "solution").is_dir():
        parser.error("--solution needs the folder part1_autograd/solution, which a handout does not have.")
    if options.json and (options.json.is_dir() or not os.access(options.json.absolute().parent, os.W_OK)):
        parser.error(f"--json must be a file in a folder that can be written to; got {options.json}.")
    return options


def restart(environment: dict[str, str]) -> int:
    """Do the same in a new process with these variables, in the project's .venv if this Python lacks torch."""
    python = sys.executable
    if importlib.util.find_spec("torch") is None:
        venv = HERE.parent / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if not venv.exists():
            print(
                "torch must be installed to compare with; run `python autograder/run.py part1` once.", file=sys.stderr
            )
            return 2
        python = str(venv)
    path = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [python, "-m", "part1_autograd.benchmarks", *sys.argv[1:]]
    try:
        return subprocess.run(command, env={**os.environ, **environment, "PYTHONPATH": path}, check=False).returncode
    except KeyboardInterrupt:
        return 130


# What is measured


def measure_all(rounds: int) -> list[Row]:
    """Every row of the table."""
    import torch
    from rich.console import Console
    from rich.progress import track

    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()  # the objects of the libraries are then not searched for garbage on anybody's account
    steps: list[Callable[[], list[Row]]] = [partial(beside_torch, MAIN_LENGTH, MAIN_SIZE, rounds, 0.45, 0.33)]
    if importlib.util.find_spec("autograd"):
        steps.append(partial(beside_hips, rounds))
    steps += [partial(beside_torch, MAIN_LENGTH, size, rounds) for size in SIZES]
    steps += [partial(beside_torch, length, MAIN_SIZE, rounds) for length in LENGTHS]
    steps += [partial(flatness, rounds), memory]
    console = Console(stderr=True)
    bar = track(steps, "measuring", console=console, transient=True, disable=not console.is_terminal)
    return [row for step in bar for row in step()]


def beside_torch(
    length: int, size: int, rounds: int, must_reach: float | None = None, aim_for: float | None = None
) -> list[Row]:
    """An operation of y = y·a + b, forward and backward, beside torch."""
    ours, theirs = our_chain(length, size), torch_chain(length, size)
    compare(ours(), theirs())
    ratio, our_time, their_time = by_turns(ours, theirs, rounds)
    return [Row(title(length, size), our_time / length, their_time / length, "torch", ratio, must_reach, aim_for)]


def beside_hips(rounds: int) -> list[Row]:
    """The same beside HIPS autograd, which differentiates NumPy too."""
    ours, theirs = our_chain(MAIN_LENGTH, MAIN_SIZE), hips_chain(MAIN_LENGTH, MAIN_SIZE)
    compare(ours(), theirs())
    ratio, our_time, their_time = by_turns(ours, theirs, rounds)
    work = title(MAIN_LENGTH, MAIN_SIZE)
    return [Row(work, our_time / MAIN_LENGTH, their_time / MAIN_LENGTH, "HIPS autograd", ratio)]


def flatness(rounds: int) -> list[Row]:
    """What an operation costs on a long tape, beside a short one."""
    short, long = our_chain(100, MAIN_SIZE), our_chain(10_000, MAIN_SIZE)
    ratio, long_time, short_time = by_turns(long, short, rounds)
    work = "an operation among 10 000, µs"
    return [Row(work, long_time / 10_000, short_time / 100, "among 100", ratio / 100, 1.5, 1.2)]


def memory() -> list[Row]:
    """What the tape holds for every operation, and what backward needs and leaves."""
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
    """What a row of a chain is called."""
    return f"y = y·a + b, {length} operations on ({size},), µs each"


def chain_values(size: int) -> list[np.ndarray]:
    """x, a, b and dL/dy. With a = ±1 nothing overflows or vanishes, however long the chain."""
    import numpy as np

    rng = np.random.default_rng(0)
    x, b, grad_output = rng.standard_normal((3, size), dtype=np.float32)
    return [x, np.where(rng.random(size) < 0.5, -1, 1).astype(np.float32), b, grad_output]


def our_chain(length: int, size: int) -> Run:
    """The chain on our tape. The gradients are x's, a's and b's."""
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


def torch_chain(length: int, size: int) -> Run:
    """The chain in torch."""
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


def hips_chain(length: int, size: int) -> Run:
    """The chain in HIPS autograd."""
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


# How it is measured


def by_turns(ours: Run, theirs: Run, rounds: int) -> tuple[float, float, float]:
    """The median ratio of the rounds, and the median time of each side's run in microseconds."""
    repeats = [turns_needed(run) for run in (ours, theirs)]
    rows = [[turn(run, repeat) for run, repeat in zip((ours, theirs), repeats, strict=True)] for _ in range(rounds)]
    our_times, their_times = zip(*rows, strict=True)
    ratio = statistics.median(our_time / their_time for our_time, their_time in rows)
    return ratio, statistics.median(our_times), statistics.median(their_times)


def turns_needed(run: Run) -> int:
    """How often to run for a turn that is long enough for the clock."""
    run()
    start = time.process_time()
    repeat = 0
    while time.process_time() - start < SHORTEST_TURN:
        run()
        repeat += 1
    return repeat


def turn(run: Run, repeat: int) -> float:
    """Microseconds of CPU that one run takes."""
    start = time.process_time()
    for _ in range(repeat):
        run()
    return (time.process_time() - start) / repeat * 1e6


def compare(ours: Gradients, theirs: Gradients) -> None:
    """Stop if the gradients differ."""
    import numpy as np

    for name, our_gradient, their_gradient in zip("xab", ours, theirs, strict=True):
        np.testing.assert_allclose(our_gradient, their_gradient, rtol=1e-3, atol=1e-2, err_msg=f"gradient of {name}")


def traced_memory(length: int, size: int, release: bool) -> tuple[int, int, int]:
    """Bytes of the tape after the chain, at the peak of backward, and after backward."""
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


# What is shown


def table(rows: list[Row], heading: str) -> Table:
    """The rows, those that miss what they must reach in red."""
    from rich.table import Table

    shown = Table(title=heading, title_justify="left")
    for column in ("work", "ours", "beside", "", "ratio", "goal"):
        shown.add_column(column, justify="left" if column in ("work", "") else "right")
    for row in rows:
        goal = "" if row.must_reach is None else f"≤ {row.must_reach}, aim {row.aim_for}"
        style = "" if row.must_reach is None else "green" if row.ratio <= row.must_reach else "red"
        ratio = f"[{style}]{row.ratio:.2f}[/]" if style else f"{row.ratio:.2f}"
        shown.add_row(row.work, f"{row.ours:.2f}", f"{row.reference:.2f}", row.reference_name, ratio, goal)
    return shown


if __name__ == "__main__":
    sys.exit(main())
