"""What people hand in: code that is right but for an edge case loses only that, and the report says what is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.authoring.mistakes import Mistake, lost_tests, mistake, report_of, shown_test
from autograder.judge.exercises import load_part

PART = load_part(Path(__file__).resolve().parent.parent)

MAXIMUM = """\
        self.x = x
        self.output = np.max([x[:, :, rows, columns] for rows, columns in self.taps(self.positions(x))], axis=0)
        return self.output
"""
WINDOW_BY_WINDOW = """\
        self.x = x
        output = np.empty((*x.shape[:2], *self.positions(x)), x.dtype)
        for i, j in np.ndindex(output.shape[2:]):
            top, left = i * self.stride[0], j * self.stride[1]
            window = x[{examples}, :, top : top + self.kernel_size[0], left : left + self.kernel_size[1]]
            window = window.reshape({count}, x.shape[1], -1)
            output[:, :, i, j] = np.take_along_axis(window, window.argmax(-1)[..., None], -1)[..., 0]
        self.output = output
        return output
"""
TANH, SOFTMAX = "        self.output = np.tanh(x)\n", "x - x.max(axis=self.dim, keepdims=True, initial=-np.inf)"


def edge(name: str, exercises: str, *edits: tuple[str, str]) -> object:
    """Code that is right but for an edge case, and whose exercises it is graded in."""
    return pytest.param(mistake(exercises.split()[0], name, *edits), exercises.split(), id=name)


@pytest.mark.parametrize(
    ("entry", "exercises"),
    [
        edge(
            "a reshape to -1", "max_pool.forward max_pool.backward",
            (MAXIMUM, WINDOW_BY_WINDOW.format(examples=":", count="len(x)")),
        ),
        edge(
            "an unused maximum", "activation.forward activation.backward",
            (TANH, f"        np.max(x)\n{TANH}"),
        ),
        edge("no shift", "softmax.forward softmax.backward", (SOFTMAX, "x")),
    ],
)  # fmt: skip
def test_code_that_is_right_but_for_an_edge_case_loses_only_that(entry: Mistake, exercises: list[str]) -> None:
    result = report_of(PART, entry, exercises)
    assert set(lost_tests(result).values()) == {"edge case"}
    assert result.points >= 0.7 * result.max_points


def test_the_problem_that_is_shown_is_not_an_empty_one() -> None:
    only_one_image = WINDOW_BY_WINDOW.format(examples="0", count="1")
    entry = mistake("max_pool.forward", "one image", (MAXIMUM, only_one_image))
    shown = shown_test(PART, report_of(PART, entry))
    assert shown.kind == "oracle"
    assert shown.got.startswith("output[1, ")
    assert "x (2, 1, " in shown.called
