"""The scan of an exercise file: which import and which use is refused, and what a file costs that is hard to read."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import pytest

from autograder.judge.exercises import Part, load_part
from autograder.judge.failures import Erred
from autograder.judge.scanning import Refusals
from autograder.tests.toy import (
    QUICK,
    SOLUTION,
    collect_toy,
    grade_toy,
    make_toy_part,
    outcomes,
    toy_candidate,
    toy_probes,
)
from autograder.worker import scan

PART, MAY_IMPORT = "part1_first", ["numpy"]


def forbidden_import(source: bytes, may_import: list[str] = MAY_IMPORT) -> str:
    return scan.forbidden_import(scan.parsed(source), "toy.py", PART, may_import)


@pytest.mark.parametrize(
    ("source", "refusal"),
    [
        ("import torch", "1 imports torch;"),
        ("import numpy as np, torch.nn as nn", "1 imports torch.nn;"),
        ("from torch import nn", "1 imports torch;"),
        ("from torch.nn import functional", "1 imports torch.nn;"),
        ("from torch import *", "1 imports torch;"),
        ("def f():\n    import jax", "2 imports jax;"),
        ("if False:\n    import autograd", "2 imports autograd;"),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None", "2 imports torch;"),
        ("class A:\n    import msgspec", "2 imports msgspec;"),
        ("import scipy.optimize", "1 imports scipy.optimize;"),
        ("from scipy import optimize", "1 imports scipy;"),
        ("import numpy_of_my_own", "1 imports numpy_of_my_own;"),
        ("import ctypes", "1 imports ctypes;"),
        ("from ctypes import CDLL", "1 imports ctypes;"),
        ("import autograder.worker.wire", "1 imports autograder.worker.wire;"),
        ("from part2_second import toy", "1 imports part2_second;"),
        ("from part1_first.solution import toy", "1 imports part1_first.solution;"),
        ("from part1_first import solution", "1 imports part1_first.solution;"),
        ("from .solution import toy", "1 imports part1_first.solution;"),
        ("from . import solution", "1 imports part1_first.solution;"),
        ("# coding: latin-1\nimport torch", "2 imports torch;"),
        ("\ufeffimport torch", "1 imports torch;"),
        ("# coding: utf-7\nimport torch", "2 imports torch;"),
    ],
)
def test_a_forbidden_import_is_found_with_its_line(source: str, refusal: str) -> None:
    assert refusal in forbidden_import(source.encode())


@pytest.mark.parametrize(
    "source",
    [
        "import numpy",
        "import numpy as np, math, os.path",
        "from numpy import linalg, array",
        "from numpy.lib import stride_tricks",
        "from part1_first import other",
        "from part1_first.other import shift",
        "from . import other",
        "from .other import shift",
        "from __future__ import annotations",
        "torch = 'import torch'  # import torch",
    ],
)
def test_what_a_part_may_import_is_not_refused(source: str) -> None:
    assert forbidden_import(source.encode()) == ""


def test_an_allowed_submodule_does_not_allow_its_neighbours() -> None:
    assert forbidden_import(b"import scipy.special\nfrom scipy import special", ["numpy", "scipy.special"]) == ""
    assert "imports scipy.optimize;" in forbidden_import(
        b"from scipy import special, optimize", ["numpy", "scipy.special"]
    )


def test_the_scan_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert forbidden_import(b"x = '\\d'\ny = 1 is 1") == ""


# The scan for uses

HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional\n"
FUSED = """
class Attention(nn.Module):
    def attend(self, q, k, v):
        {body}

    def fused(self, q, k, v):
        output = functional.fused(q, k, v)
        return output

class Other:
    def attend(self, q, k, v):
        return functional.fused(q, k, v)

def seen(scores):
    return scores.softmax(-1)
"""


def used(source: str) -> dict[str, str]:
    tree = scan.parsed(source.encode())
    return scan.forbidden_uses(tree, "toy.py", PART, {"Attention.attend": ["fused", "Whole"]})


@pytest.mark.parametrize(
    ("top", "body", "name", "line"),
    [
        ("", "return functional.fused(q, k, v)", "fused", 7),
        ("", "return torch.nn.functional.fused(q, k, v)", "fused", 7),
        ("", "run = functional.fused; return run(q, k, v)", "fused", 7),
        ("", "return getattr(functional, 'fused')(q, k, v)", "fused", 7),
        ("", "from torch.nn.functional import fused as f; return f(q, k, v)", "fused", 7),
        ("", "return (lambda: nn.Whole())()(q, k, v)", "Whole", 7),
        ("", "return self.fused(q, k, v)", "fused", 10),
        ("", "return Other().attend(q, k, v)", "fused", 15),
        ("from torch.nn.functional import fused", "return fused(q, k, v)", "fused", 4),
        ("from torch.nn.functional import *", "return fused(q, k, v)", "fused", 7),
        ("from torch.nn.functional import fused as f", "return f(q, k, v)", "fused", 4),
        ("f = functional.fused", "return f(q, k, v)", "fused", 4),
        ("def f(*x): return g(*x)\ndef g(*x): return nn.Whole()(*x)", "return f(q, k, v)", "Whole", 5),
        ("if True:\n    def f(*x): return functional.fused(*x)", "return f(q, k, v)", "fused", 5),
    ],
)
def test_a_use_is_found_in_the_function_and_in_what_it_names(top: str, body: str, name: str, line: int) -> None:
    sentence = f"{PART}/toy.py:{line} uses {name}; Attention.attend may not use fused, Whole."
    assert used(HEAD + top + FUSED.format(body=body)) == {"Attention.attend": sentence}


@pytest.mark.parametrize(
    ("top", "body"),
    [
        ("", "return seen(q @ k) @ v"),
        ("", "output = seen(q @ k) @ v; return output"),
        ("", "fused = seen(q @ k); return fused @ v"),
        ("", "'fused'; return seen(q @ k, 'fused')  # fused"),
        ("def fused(q, k, v): return seen(q @ k) @ v", "return fused(q, k, v)"),
        ("class Third:\n    def other(self): return functional.fused", "return self.another"),
    ],
)
def test_what_others_use_and_what_the_file_defines_is_no_use(top: str, body: str) -> None:
    assert used(HEAD + top + FUSED.format(body=body)) == {}


def test_a_function_that_is_not_there_uses_nothing() -> None:
    assert used("x = 1") == used("class Attention: pass") == used("Attention = 1") == {}


# In a worker


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    return make_toy_part(tmp_path_factory.mktemp("toy"))


def test_a_file_with_a_forbidden_import_leaves_the_stage_before_anything_runs(part: Part) -> None:
    files = {"toy.py": "import numpy\nimport torch", "other.py": "from .toy import double\n" + SOLUTION["other.py"]}
    with toy_candidate(part, files) as candidate:
        assert (candidate.stage.folder / part.name / "toy.py").exists()
        refused = candidate.scan().files
        assert list(refused) == ["toy.py"]
        assert refused["toy.py"].startswith(f"{part.name}/toy.py:2 imports torch; {part.name} may import numpy and")
        assert not (candidate.stage.folder / part.name / "toy.py").exists()
        with pytest.raises(Erred, match="No module named"):
            candidate.run(toy_probes(part, "other").run_shift, x=1.0)


def test_what_an_exercise_may_not_use_costs_it_and_no_other(tmp_path: Path) -> None:
    """toy.scale, which needs toy.double, is graded: what it needs is there."""
    part = make_toy_part(tmp_path)
    toml, hints = part.folder / "part.toml", 'hints = ["Multiply.", "Multiply by two."]\n'
    toml.write_text(toml.read_text().replace(hints, f'{hints}may_not_use = {{ double = ["multiply"] }}\n'))
    part = load_part(part.folder)
    assert part.exercises[0].may_not_use == {"double": ["multiply"]}
    source = (
        SOLUTION["toy.py"].replace("2.0 * x", "np.multiply(2.0, x)").replace("factor * x", "np.multiply(factor, x)")
    )
    result = grade_toy(collect_toy(part), {"toy.py": source})
    assert outcomes(result) == {"toy.double": "refused", "toy.scale": "passed", "other.shift": "passed"}
    assert result.points == 60.0
    assert result.exercises[0].message.endswith("/toy.py:9 uses multiply; double may not use multiply.")


def test_no_line_runs_before_the_scan(part: Part) -> None:
    """Also where nobody has asked for it: `from torch import nn` is refused where it would never be reached."""
    with toy_candidate(part, {"toy.py": "raise SystemExit\nfrom torch import nn"}) as candidate:
        with pytest.raises(Erred, match="No module named"):
            candidate.run(toy_probes(part).run_double, x=1.0)
        assert list(candidate.scan().files) == ["toy.py"]


@pytest.mark.parametrize(
    "source",
    [
        b"def f(:",
        b"\xff\xfe",
        b"import torch\0",
        b"(" * 10**6,
        b"-" * 10**6 + b"1",
        b"1" + b"+1" * 300_000,
        b"lambda:" * 100_000 + b"1",
        b"# coding: punycode\nx = '-" + b"a" * 900_000 + b"'",
        b"# coding: no such thing\nx = 1",
    ],
    ids=["syntax", "no UTF-8", "NUL", "brackets", "signs", "a sum", "functions", "a slow codec", "an unknown codec"],
)
def test_what_cannot_be_read_is_left_to_the_import(source: bytes, part: Part) -> None:
    with toy_candidate(part, {"toy.py": source}) as candidate:
        assert candidate.scan() == Refusals()
        assert (candidate.stage.folder / part.name / "toy.py").exists()
        assert candidate.run(toy_probes(part, "other").run_shift, x=1.0) == {"y": 2.0}


def test_a_scan_that_runs_out_of_memory_or_time_costs_that_file_alone(part: Part) -> None:
    """Its worker goes, and the next one scans the other file."""
    files = {"toy.py": "a\n" * 10**6, "other.py": "import torch"}
    little_memory = dataclasses.replace(QUICK, memory_bytes=2**28, load_seconds=60.0)
    for limits in (little_memory, dataclasses.replace(QUICK, load_seconds=1.0)):
        with toy_candidate(part, files, limits) as candidate:
            assert candidate.isolation.layers
            first = candidate._worker
            assert list(candidate.scan().files) == ["other.py"]
            assert candidate._worker is not first
