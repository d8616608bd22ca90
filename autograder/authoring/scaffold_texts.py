"""The texts that `handout.py --new` writes. They are honest about what is missing: the test fails without an oracle."""

from __future__ import annotations

from string import Template

SOLUTION = Template('''\
"""$module: one sentence that says what this module is for."""

from __future__ import annotations

import $import_line


def forward(x: $array) -> $array:
    """One sentence that says what forward gives.

    y = x        (the equation, with its source)

    Shapes: x (b, d), result (b, d).
    """
    ### BEGIN SOLUTION $module.forward: one line that says what is to be written
    return $copy
    ### END SOLUTION
''')

PROBE = Template('''\
"""What the tests do with $module. It knows no answer, and it is the first usage example a learner reads."""

from __future__ import annotations

import numpy as np
$import_torch
from $part import $module


def forward(x: np.ndarray) -> $array:
    return $module.forward($argument)
''')

TEST = Template('''\
"""What $module must do. A test's docstring is the claim that the learner reads."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autograder.testing import Candidate, assert_same, oracle_test, probes, truth

$module = probes("$module")


@truth
def expected_forward(x: np.ndarray) -> np.ndarray:
    """The answer by other means than the solution's: torch, a closed form, brute force. Its place is oracle.py."""
    raise NotImplementedError("write the oracle of $module.forward")


@oracle_test("$module.forward")
@given(x=arrays(np.float64, (2, 3), elements=st.floats(-4, 4)))
def test_forward_matches_its_oracle(candidate: Candidate, x: np.ndarray) -> None:
    """forward gives the oracle's answer. (The oracle is not written yet.)"""
    assert_same(candidate.run($module.forward, x=x), expected_forward(x))
''')

ENTRY = Template("""\
[[exercise]]
id = "$module.forward"
points = $points
file = "$module.py"
summary = "one line that says what is to be written"
hints = [
    "A first hint: where to look.",
    "A second hint, which says more than the summary: the equation or the first step.",
]
needs = []
""")

PART_TOML = Template("""\
title = "$title"
may_import = ["numpy"]

""")

PART_README = Template("""\
# Part $number: $title

This part is being written. Each section says what belongs into it.

**Before you start**: the parts and the mathematics that this one builds on.
**Time**: hours, for a learner who has these.

## The idea

A picture, then the idea in a few sentences.

## The equations

Each equation with its source, in the letters that the code uses.

## The exercises, in order

The exercises of `part.toml`, and why they come in this order.

## Finished when

`python autograder/run.py part$number` gives 100 points.
""")

PART_INIT = Template('''\
"""Part $number: $title. One sentence that says what the learner builds.

`SFRATORCH_CODE` chooses whose code runs (autograder/README.md, "Whose code runs").
"""
''')

TESTS_INIT = Template('''\
"""The tests of part $number: probes use the learner's code, oracles know the answers, strategies draw the problems."""
''')

ORACLE = Template('''\
"""The answers that the tests of part $number compare with, from torch or by brute force.

Each oracle is decorated with `autograder.testing.truth`, takes a problem's plain data and gives plain data.
"""
''')

STRATEGIES = Template('''\
"""What part $number is tested on: hypothesis strategies that draw plain data, the arguments of a probe by name."""
''')

MODULE_FILES = {"solution/$module.py": SOLUTION, "tests/test_$module.py": TEST, "tests/probe_$module.py": PROBE}
PART_FILES = {
    "README.md": PART_README,
    "part.toml": PART_TOML,
    "tests/__init__.py": TESTS_INIT,
    "tests/oracle.py": ORACLE,
    "tests/strategies.py": STRATEGIES,
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
