"""How training ends: with an exit code, one line, and no step half done."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rich.console import Console

from autograder.scripts.endings import all_finite, exit_code, finite, noticing_interrupts


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("lr must be positive."), "python -m part9_toy.train_toy: lr must be positive."),
        (FileNotFoundError(2, "No such file", "x"), "python -m part9_toy.train_toy: [Errno 2] No such file: 'x'"),
        (FloatingPointError("loss must be finite."), "loss must be finite."),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_code_2(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(console: Console) -> int:
        raise error

    assert exit_code("part9_toy.train_toy", work) == 2
    assert capsys.readouterr().err == f"{line}\n"


def test_an_exercise_that_is_not_written_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def work(console: Console) -> int:
        raise NotImplementedError("toy.add: the sum. See part9_toy/README.md")

    assert exit_code("part9_toy.train_toy", work) == 2
    assert capsys.readouterr().err.startswith("toy.add is not written yet (tests/test_endings.py:")


def test_a_mistake_of_a_script_that_names_nothing_unusable_is_an_error() -> None:
    def work(console: Console) -> int:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        exit_code("part9_toy.train_toy", work, unusable=())


def test_the_exit_code_is_the_works() -> None:
    assert exit_code("part9_toy.train_toy", lambda console: 130) == 130


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_an_error(value: float) -> None:
    with pytest.raises(
        FloatingPointError, match=rf"^loss must be finite; got {value} at step 12\. Try a smaller --lr\.$"
    ):
        finite(value, 12)
    assert finite(-1e300, 12) == -1e300


@pytest.mark.parametrize("array", [np.array([[1.0, -np.inf]]), torch.tensor([0.0, float("nan"), 1.0])])
def test_an_array_that_is_not_finite_is_named(array: np.ndarray | torch.Tensor) -> None:
    with pytest.raises(FloatingPointError, match=r"^parameter weight must be finite; got (inf|nan) at step 3\. "):
        all_finite({"bias": np.array([-1e300]), "weight": array}, 3)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_the_first_ctrl_c_is_noted_and_the_second_is_an_error() -> None:
    run, before = SimpleNamespace(interrupted=False), signal.getsignal(signal.SIGINT)
    with noticing_interrupts(run):
        signal.raise_signal(signal.SIGINT)
        assert run.interrupted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
