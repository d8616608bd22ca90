"""The import policy: which module a part's exercise file may import, and what it is told otherwise.

How it is bent, and holds, is in attacks/smugglers.py.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from autograder.judge.candidate import WorkerCandidate
from autograder.judge.exercises import Part, load_part
from autograder.judge.failures import Refused
from autograder.judge.staging import make_stage
from autograder.judge.submission import Submission
from autograder.tests.toy import QUICK, SOLUTION, make_toy_part, toy_candidate, toy_probes
from autograder.worker.guards import FRAMEWORKS, NEVER, ForbiddenImport, ImportPolicy, allowed, may_import_sentence

NUMPY_PART = ("part2_layers", ["numpy", "scipy.special"])
LATER_PART = ("part3_recurrent", ["numpy", "scipy.special", "part2_layers.linear"])
TORCH_PART = ("part5_transformers", ["torch"])


@pytest.mark.parametrize(
    "name",
    [
        "numpy",
        "numpy.linalg",
        "scipy",
        "scipy.special",
        "scipy.special._ufuncs",
        "math",
        "os.path",
        "__future__",
        "part2_layers",
        "part2_layers.module",
        "part2_layers.solutions",
    ],
)
def test_what_a_numpy_part_may_import(name: str) -> None:
    assert allowed(name, *NUMPY_PART)


@pytest.mark.parametrize(
    "name",
    [
        "torch",
        "torch.nn",
        "numpyro",
        "numpy_financial",
        "scipy.optimize",
        "scipy.specialised",
        "scipyx",
        "part1_autograd",
        "part2_layers.solution",
        "part2_layers.solution.linear",
        "part2",
        "autograder",
        "autograder.worker.wire",
        "msgspec",
        "ctypes",
        "ctypes.util",
        "_ctypes",
        "",
    ],
)
def test_what_a_numpy_part_may_not_import(name: str) -> None:
    assert not allowed(name, *NUMPY_PART)


def test_a_later_part_may_import_the_modules_it_names_and_no_other() -> None:
    assert allowed("part2_layers", *LATER_PART)
    assert allowed("part2_layers.linear", *LATER_PART)
    assert not allowed("part2_layers.activation", *LATER_PART)
    assert allowed("part3_recurrent.rnn", *LATER_PART)
    assert not allowed("part1_autograd.tensor", *LATER_PART)
    assert not allowed("part4_attention", *LATER_PART)


def test_a_torch_part_may_import_torch() -> None:
    assert allowed("torch.nn.functional", *TORCH_PART)
    assert not allowed("jax", *TORCH_PART)


def test_nobody_may_import_what_reaches_below_python() -> None:
    assert not any(allowed(name, "part1_x", list(NEVER)) for name in NEVER)


def test_the_sentence_names_what_is_allowed() -> None:
    assert may_import_sentence(*NUMPY_PART) == (
        "part2_layers may import numpy, scipy.special and the standard library without ctypes."
    )


def test_frameworks_that_a_part_names_are_no_longer_refused_to_others() -> None:
    assert "torch" in FRAMEWORKS
    assert "torch" not in ImportPolicy("part5_x", ["torch"], "/stage")._frameworks
    assert "jax" in ImportPolicy("part5_x", ["torch"], "/stage")._frameworks


def test_the_finder_refuses_nobody_but_the_submission() -> None:
    policy = ImportPolicy(*NUMPY_PART, os.path.join(os.sep, "stage"))
    assert policy.find_spec("ctypes") is None
    assert policy.refused == ""
    submission: dict[str, Any] = {"policy": policy}
    source = "def ask():\n    policy.find_spec('ctypes')"
    exec(compile(source, os.path.join(os.sep, "stage", "part2_layers", "linear.py"), "exec"), submission)
    with pytest.raises(ForbiddenImport):
        submission["ask"]()
    assert policy.refused.startswith("linear.py:2 imports ctypes; part2_layers may import numpy")


def test_what_bears_a_probes_name_may_import_no_more() -> None:
    policy = ImportPolicy(*NUMPY_PART, os.path.join(os.sep, "stage"))
    asks: dict[str, Any] = {"policy": policy}
    probe = os.path.join(os.sep, "stage", "part2_layers", "tests", "probe_linear.py")
    exec(compile("def ask():\n    policy.find_spec('part1_autograd')", probe, "exec"), asks)
    with pytest.raises(ForbiddenImport, match=r"^probe_linear\.py:2 imports part1_autograd"):
        asks["ask"]()


# In a worker


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    return make_toy_part(tmp_path_factory.mktemp("toy"))


def test_a_refusal_is_that_of_one_call(part: Part) -> None:
    """The next call is its own: what is refused once, in a branch, does not refuse the rest."""
    source = SOLUTION["toy.py"].replace("return 2.0 * x", "return __import__('torch') if x else 0.0")
    with toy_candidate(part, {"toy.py": source}) as candidate:
        probe = toy_probes(part).run_double
        with pytest.raises(Refused, match=r"^toy\.py:\d+ imports torch; part"):
            candidate.run(probe, x=1.0)
        assert candidate.run(probe, x=0.0) == {"y": 0.0}


def test_numpy_imports_what_it_likes(part: Part) -> None:
    source = "import numpy.testing, numpy.ctypeslib, numpy.random, numpy.polynomial\n" + SOLUTION["toy.py"]
    with toy_candidate(part, {"toy.py": source}) as candidate:
        assert candidate.run(toy_probes(part).run_double, x=1.0) == {"y": 2.0}


def test_an_earlier_part_of_the_learners_own_gets_no_framework_either(tmp_path_factory: pytest.TempPathFactory) -> None:
    """With --upstream own, its files are not those being graded, and their imports are not scanned."""
    root = tmp_path_factory.mktemp("two")
    first, second = make_toy_part(root, "part1_guarded"), make_toy_part(root, "part2_guarded")
    toml = second.folder / "part.toml"
    toml.write_text(toml.read_text().replace('["numpy"]', '["numpy", "part1_guarded.toy"]'))
    second = load_part(second.folder)
    files: dict[str, dict[str, bytes | str]] = {
        first.name: {"toy.py": b"import torch\ndouble = lambda x: (2 * torch.as_tensor(x)).numpy()"},
        second.name: {
            "toy.py": b"from part1_guarded.toy import double\nscale = None",
            "other.py": SOLUTION["other.py"].encode(),
        },
    }
    staged = make_stage(second, Submission("x", files), "own", root=root)
    with WorkerCandidate(second, staged, QUICK) as candidate, pytest.raises(Refused, match="imports torch"):
        candidate.run(toy_probes(second).run_double, x=1.0)


def test_the_judge_has_no_policy(part: Part) -> None:
    assert not [finder for finder in sys.meta_path if isinstance(finder, ImportPolicy)]
