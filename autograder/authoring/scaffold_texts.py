"""The texts that `handout.py --new` writes, in the shape that a part's modules have.

They are honest about what is missing: the test fails without an oracle, and "to be written" stands where words do.
"""

from __future__ import annotations

from string import Template
from typing import NamedTuple

# A module of functions

FUNCTIONS = Template('''\
"""$title: one sentence that says what this module is for (to be written)."""

from __future__ import annotations

import $import_line


def forward(x: $array) -> $array:
    """One sentence that says what forward gives (to be written).

    y = x        (the equation, with its source)

    Shapes: x (b, d), result (b, d).
    """
    ### BEGIN SOLUTION $module.forward: one line that says what is to be written
    return $copy
    ### END SOLUTION
''')

PROBE_OF_FUNCTIONS = Template('''\
"""What the tests do with $module. It knows no answer, and it is the first usage example a learner reads."""

from __future__ import annotations

from typing import Any

import numpy as np
$import_torch
from $part import $module

Named = dict[str, Any]


def forward(x: np.ndarray) -> Named:
    """y = forward(x)"""
    return {"output": $module.forward($argument)}
''')

TEST_OF_FUNCTIONS = Template('''\
"""What $module must do. A test's docstring is the claim that the learner reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, edge_case, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array
from $part.tests import oracle_$module as oracle

$module = probes("$module")


@st.composite
def inputs(draw: Draw, batches: tuple[int, ...] = (2, 3, 1)) -> Problem:
    """A batch of vectors."""
    shape = draw(st.sampled_from(batches)), draw(st.sampled_from([2, 3, 1]))
    return {"x": array(draw, shape, dtype=draw(DTYPES))}


@oracle_test("$module.forward")
@given(problem=inputs())
def test_forward_matches_its_oracle(candidate: Candidate, problem: Problem) -> None:
    """forward gives the oracle's answer (to be written)."""
    assert_right(candidate, $module.forward, oracle.$module, problem, mistakes=oracle.${module}_mistakes)


@edge_case("$module.forward")
@given(problem=inputs(batches=(0,)))
def test_an_empty_batch_has_an_empty_output(candidate: Candidate, problem: Problem) -> None:
    """A batch of no vectors gives an output of no vectors."""
    assert_right(candidate, $module.forward, oracle.$module, problem)
''')

ORACLE_OF_FUNCTIONS = Template('''\
"""$title by other means than the reference's, and what known mistakes would give."""

from __future__ import annotations

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array


@truth
def $module(x: Array) -> Answer:
    """From torch, a closed form or brute force."""
    raise NotImplementedError("write the oracle of $module.forward: {'output': what is right}")


def ${module}_mistakes(x: Array) -> Answer:
    """A sentence about each mistake that people make, and what the mistake changes in the truth."""
    return {}
''')

MISTAKES_OF_FUNCTIONS = Template('''\
"""What may go wrong in $module."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "$module.forward")

MISTAKES = (forward("$module: zeros", ("return $copy", "return 0 * x"), says="output is zero everywhere"),)
''')

# A layer in NumPy: a Module with forward and backward

LAYER = Template('''\
"""$title: one sentence that says what this layer is for (to be written)."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from $module_class import Module, checked_backward, checked_forward


class $class_name(Module):
    """y = x        (the equation, with its source: to be written).

    Raises what its arguments must not be.
    """

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = x.

        Shapes: x (..., d), y (..., d).
        """
        ### BEGIN SOLUTION $module.forward: one line that says what is to be written
        return np.array(x)
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g.

        Shapes: grad_output (..., d), result (..., d).
        """
        ### BEGIN SOLUTION $module.backward: one line that says what is to be written
        return np.array(grad_output)
        ### END SOLUTION
''')

PROBE_OF_LAYER = Template('''\
"""What the tests do with $class_name: build it, run it, and go back."""

from __future__ import annotations

from typing import Any

import numpy as np

from $part.$module import $class_name

Array = np.ndarray
Named = dict[str, Any]


def forward(x: Array) -> Named:
    """y = layer(x)"""
    return {"output": $class_name().forward(x)}


def forward_and_backward(x: Array, grad_output: Array) -> Named:
    """Forward, then backward with the gradient from above."""
    layer = $class_name()
    return {"output": layer.forward(x), "x_grad": layer.backward(grad_output)}


def backward_first(grad_output: Array) -> None:
    """Backward on a new layer, without forward."""
    $class_name().backward(grad_output)
''')

TEST_OF_LAYER = Template('''\
"""$class_name against torch. A test's docstring is the claim that the learner reads."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, without_gradient
from $part.tests import oracle_$module as oracle

$module = probes("$module")


@st.composite
def layers(draw: Draw, batches: tuple[int, ...] = (2, 3, 1)) -> Problem:
    """An input with one or two axes before the features, and the gradient from above."""
    leading = [draw(st.sampled_from(batches)) for _ in range(draw(st.sampled_from([1, 2])))]
    shape, dtype = (*leading, draw(st.sampled_from([2, 3, 1]))), draw(DTYPES)
    return {"x": array(draw, shape, dtype=dtype), "grad_output": array(draw, shape, dtype=dtype)}


# Forward


@oracle_test("$module.forward")
@given(problem=layers())
def test_output_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives what torch gives (to be written)."""
    known = oracle.${module}_mistakes
    assert_right(candidate, $module.forward, oracle.$module, without_gradient(problem), ["output"], known)


@law("$module.forward")
@given(problem=layers())
def test_integers_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError, as in torch."""
    candidate.raises(TypeError, $module.forward, x=problem["x"].astype(np.int64))


@edge_case("$module.forward")
@given(problem=layers(batches=(0,)))
def test_an_empty_batch_has_an_empty_output(candidate: Candidate, problem: Problem) -> None:
    """A batch of nothing gives an output of nothing."""
    assert_right(candidate, $module.forward, oracle.$module, without_gradient(problem), ["output"])


# Backward


@oracle_test("$module.backward")
@given(problem=layers())
def test_gradient_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives dL/dx for any gradient from above (to be written)."""
    known = oracle.${module}_mistakes
    assert_right(candidate, $module.forward_and_backward, oracle.$module, problem, ["x_grad"], known)


@law("$module.backward")
@given(problem=layers())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    candidate.raises(RuntimeError, $module.backward_first, grad_output=problem["grad_output"])


@edge_case("$module.backward")
@given(problem=layers(batches=(0,)))
def test_an_empty_batch_has_an_empty_gradient(candidate: Candidate, problem: Problem) -> None:
    """After a batch of nothing x_grad is empty."""
    assert_right(candidate, $module.forward_and_backward, oracle.$module, problem, ["x_grad"])
''')

ORACLE_OF_LAYER = Template('''\
"""$title in torch, and what known mistakes would give."""

from __future__ import annotations

from torch import Tensor

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, gradients, tensors


@truth
def $module(x: Array, grad_output: Array | None = None) -> Answer:
    """The output; with a gradient from above also the gradient of x."""
    inputs = tensors(x=x)
    output = in_torch(**inputs)
    answer = {"output": output.detach().numpy()}
    return answer if grad_output is None else answer | gradients(output, grad_output, inputs)


def in_torch(x: Tensor) -> Tensor:
    """What the layer computes, by other means than the reference's."""
    raise NotImplementedError("write the oracle of $module: what torch makes of x")


def ${module}_mistakes(x: Array, grad_output: Array | None = None) -> Answer:
    """A sentence about each mistake that people make, and what the mistake changes in the truth."""
    return {}
''')

MISTAKES_OF_LAYER = Template('''\
"""What may go wrong in $class_name."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "$module.forward")
backward = partial(mistake, "$module.backward")

MISTAKES = (
    forward("$module: zeros", ("return np.array(x)", "return 0 * x"), says="output is zero everywhere"),
    backward(
        "$module: no gradient",
        ("return np.array(grad_output)", "return 0 * grad_output"),
        says="x_grad is zero everywhere",
    ),
)
''')

# A layer in torch: an nn.Module, which torch differentiates

TORCH_LAYER = Template('''\
"""$title: one sentence that says what this layer is for (to be written)."""

from __future__ import annotations

from torch import Tensor, nn


class $class_name(nn.Module):
    """y = x        (the equation, with its source: to be written).

    Raises what its arguments must not be.
    """

    def forward(self, x: Tensor) -> Tensor:
        """y = x.

        Shapes: x (..., d), y (..., d).
        """
        ### BEGIN SOLUTION $module.forward: one line that says what is to be written
        return x.clone()
        ### END SOLUTION
''')

PROBE_OF_TORCH_LAYER = Template('''\
"""What the tests do with $class_name: build it, run it, and go back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from $part.$module import $class_name

Array = np.ndarray
Named = dict[str, Any]


def forward(x: Array) -> Named:
    """y = layer(x)"""
    return {"output": $class_name()(torch.tensor(x))}


def forward_and_backward(x: Array, grad_output: Array) -> Named:
    """Forward, then backward with the gradient from above."""
    inputs = torch.tensor(x, requires_grad=True)
    output = $class_name()(inputs)
    (output * torch.tensor(grad_output)).sum().backward()
    return {"output": output, "x_grad": inputs.grad}
''')

TEST_OF_TORCH_LAYER = Template('''\
"""$class_name against its oracle. A test's docstring is the claim that the learner reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, edge_case, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, without_gradient
from $part.tests import oracle_$module as oracle

$module = probes("$module")


@st.composite
def layers(draw: Draw, batches: tuple[int, ...] = (2, 3, 1)) -> Problem:
    """An input with one or two axes before the features, and the gradient from above."""
    leading = [draw(st.sampled_from(batches)) for _ in range(draw(st.sampled_from([1, 2])))]
    shape, dtype = (*leading, draw(st.sampled_from([2, 3, 1]))), draw(DTYPES)
    return {"x": array(draw, shape, dtype=dtype), "grad_output": array(draw, shape, dtype=dtype)}


@oracle_test("$module.forward")
@given(problem=layers())
def test_output_matches_its_oracle(candidate: Candidate, problem: Problem) -> None:
    """forward gives the oracle's answer (to be written)."""
    known = oracle.${module}_mistakes
    assert_right(candidate, $module.forward, oracle.$module, without_gradient(problem), ["output"], known)


@oracle_test("$module.forward")
@given(problem=layers())
def test_gradient_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Torch finds its way back through forward: dL/dx for any gradient from above (to be written)."""
    known = oracle.${module}_mistakes
    assert_right(candidate, $module.forward_and_backward, oracle.$module, problem, ["x_grad"], known)


@edge_case("$module.forward")
@given(problem=layers(batches=(0,)))
def test_an_empty_batch_has_an_empty_output(candidate: Candidate, problem: Problem) -> None:
    """A batch of nothing gives an output of nothing."""
    assert_right(candidate, $module.forward, oracle.$module, without_gradient(problem), ["output"])
''')

MISTAKES_OF_TORCH_LAYER = Template('''\
"""What may go wrong in $class_name."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "$module.forward")

MISTAKES = (forward("$module: zeros", ("return x.clone()", "return 0 * x"), says="output is zero everywhere"),)
''')

# What says of an exercise that it is there

ENTRY = Template("""\
[[exercise]]
id = "$module.$method"
points = $points
file = "$module.py"
summary = "one line that says what is to be written"
hints = [
    "A first hint: where to look (to be written).",
    "A second hint, which says more than the summary: the equation or the first step.",
]
needs = $needs
""")

ROW = Template("| $file | `$module.$method` | $points | (to be written) |\n")

# A new part

PART_TOML = Template("""\
title = "$part_title"
may_import = ["numpy"]

$entries""")

PART_README = Template("""\
# Part $number: $part_title

This part is being written. Each section says what belongs into it.

**Before you start**: the parts and the mathematics that this one builds on.
**Time**: hours, for a learner who has these.

## The idea

A picture, then the idea in a few sentences.

## The equations

Each equation with its source, in the letters that the code uses.

## The exercises, in order

Why they come in this order.

| file | exercise | points | what it is for |
|---|---|---|---|
$rows
## Finished when

`python autograder/run.py part$number` gives 100 points.
""")

PART_INIT = Template('''\
"""Part $number: $part_title. One sentence that says what the learner builds.

`SFRATORCH_CODE` chooses whose code runs (autograder/README.md, "Whose code runs").
"""
''')

TESTS_INIT = Template('''\
"""The tests of part $number: probes use the learner's code, oracles know the answers, strategies draw the problems."""
''')

CHECKS_INIT = Template('''\
"""What is not scored: the catalogue of mistakes of part $number, and that it can be put to real use."""
''')

STRATEGIES = Template('''\
"""What part $number is tested on: hypothesis strategies that draw plain data, the arguments of a probe by name."""
''')

PART_FILES = {
    "README.md": PART_README,
    "part.toml": PART_TOML,
    "tests/__init__.py": TESTS_INIT,
    "tests/strategies.py": STRATEGIES,
    "checks/__init__.py": CHECKS_INIT,
}


class Shape(NamedTuple):
    """What a module looks like: its exercises, and the texts of its files."""

    methods: tuple[str, ...]
    files: dict[str, Template]


def _files(
    solution: Template, test: Template, probe: Template, oracle: Template, mistakes: Template
) -> dict[str, Template]:
    return {
        "solution/$module.py": solution,
        "tests/test_$module.py": test,
        "tests/probe_$module.py": probe,
        "tests/oracle_$module.py": oracle,
        "checks/mistakes_$module.py": mistakes,
    }


SHAPES = {
    "functions": Shape(
        ("forward",),
        _files(FUNCTIONS, TEST_OF_FUNCTIONS, PROBE_OF_FUNCTIONS, ORACLE_OF_FUNCTIONS, MISTAKES_OF_FUNCTIONS),
    ),
    "layer": Shape(
        ("forward", "backward"),
        _files(LAYER, TEST_OF_LAYER, PROBE_OF_LAYER, ORACLE_OF_LAYER, MISTAKES_OF_LAYER),
    ),
    "torch layer": Shape(
        ("forward",),
        _files(TORCH_LAYER, TEST_OF_TORCH_LAYER, PROBE_OF_TORCH_LAYER, ORACLE_OF_LAYER, MISTAKES_OF_TORCH_LAYER),
    ),
}
NUMPY = {
    "array": "np.ndarray",
    "import_line": "numpy as np",
    "import_torch": "",
    "copy": "np.array(x)",
    "argument": "x",
}
TORCH = {
    "array": "torch.Tensor",
    "import_line": "torch",
    "import_torch": "import torch\n",
    "copy": "x.clone()",
    "argument": "torch.tensor(x)",
}
