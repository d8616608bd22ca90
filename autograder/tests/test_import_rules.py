"""Rooms and doors: which file may import what, and what may stand at the top of the repository.

One walk over the syntax trees enforces the table of the design; it is shown to find what it is for.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

from autograder.judge.exercises import ROOT, Exercise, Part, find_parts

Allowed = Callable[[str], bool]

TEST_PACKAGES = ("autograder.testing", "numpy", "scipy", "torch", "hypothesis", "pytest", "transformers")
TESTING_PACKAGES = ("numpy", "torch", "hypothesis", "autograder.testing", "autograder.worker", "autograder.printable")
SCRIPT_PACKAGES = ("numpy", "torch", "matplotlib", "rich", "sklearn", "autograd", "jax", "transformers", "flashlight")
SCRIPTS = ("train_*.py", "training.py", "draw_*.py", "generate.py", "transcribe.py", "benchmarks.py")
LIKE_SCRIPTS = ("graph.py", "features.py", "utterances.py")  # but they never import the autograder, as exercises do not
DECODING = 6  # its decoders serve every part's training script
MODELS = 5  # and its scripts decode with these models
DYNAMIC_IMPORTS = ("__import__", "import_module", "importlib.import_module", "importorskip", "pytest.importorskip")


# What a file imports


def imports(source: str, path: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported: statements anywhere, and calls with the name written out.

    `from a import b` is `a.b`, whatever b is. A solution folder is its part: it stands in front of the part's path.
    """
    folders = [folder for folder in PurePosixPath(path).parts[:-1] if folder != "solution"]
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = [*folders[: len(folders) + 1 - node.level]] if node.level else []
            module = [*package, node.module] if node.module else package
            yield from ((node.lineno, ".".join([*module, alias.name])) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in DYNAMIC_IMPORTS and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield node.lineno, name.value


def is_below(name: str, packages: Iterable[str]) -> bool:
    """Tell whether the module is one of these, within one of these, or on the way to one of these."""
    return any(
        name == package or name.startswith(f"{package}.") or package.startswith(f"{name}.") for package in packages
    )


def is_standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


# Who may import what


def violations(path: str, source: str, parts: list[Part]) -> list[str]:
    """List what the file, named from the root, imports and may not."""
    allowed = rule_of(path, parts)
    return [f"{path}:{line} imports {name}" for line, name in imports(source, path) if not allowed(name)]


def rule_of(path: str, parts: list[Part]) -> Allowed:
    """Find what the file at this place may import."""
    top, *below = PurePosixPath(path).parts
    part = next((part for part in parts if part.name == top), None)
    if part is not None:
        return lambda name: is_standard(name) or rule_of_part(part, below, parts)(name)
    if below[0] == "worker":
        return lambda name: is_standard(name) or is_below(name, ("numpy", "msgspec", "torch", "autograder.worker"))
    if below[0] == "testing":
        return lambda name: is_standard(name) or is_below(name, TESTING_PACKAGES)
    if below in (["bootstrap.py"], ["scripts", "launch.py"]):
        return is_standard
    if below[0] == "scripts":
        packages = (*SCRIPT_PACKAGES, "autograder.scripts", "autograder.atomic_files")
        return lambda name: is_standard(name) or is_below(name, packages)
    return lambda name: name.partition(".")[0] not in {"notebooks", *(part.name for part in parts)}


def rule_of_part(part: Part, below: list[str], parts: list[Part]) -> Allowed:
    """The rule of one of a part's files, apart from the standard library."""
    own_code = code_of([part])
    if below[0] == "checks":
        return lambda name: name.partition(".")[0] != "notebooks"
    if below[0] == "tests" and below[-1].startswith("probe_"):
        packages = ["numpy", *(["torch"] if "torch" in part.may_import else [])]
        probe = f"{part.name}.tests.probe_"  # what several probes share is a probe file too
        return lambda name: is_below(name, packages) or own_code(name) or name.startswith(probe)
    if below[0] == "tests":
        return lambda name: is_below(name, (*TEST_PACKAGES, f"{part.name}.tests"))
    if below == ["__init__.py"]:
        return lambda name: False
    if any(fnmatch(below[-1], pattern) for pattern in (*SCRIPTS, *LIKE_SCRIPTS)):
        upstream = [other for other in parts if is_below(other.name, part.may_import)]
        models = [other for other in parts if part.number == DECODING and other.number == MODELS]
        stands_on = code_of([part, *upstream, *models])
        packages = list(SCRIPT_PACKAGES) if below[-1] in LIKE_SCRIPTS else [*SCRIPT_PACKAGES, "autograder.scripts"]
        return lambda name: is_below(name, packages) or stands_on(name) or is_given(name, parts)
    return lambda name: is_below(name, part.may_import) or own_code(name)


def code_of(parts: list[Part]) -> Allowed:
    """Modules that lie in these parts' own folders: neither their tests nor their solutions."""
    closed = ("tests", "solution", "checks", "benchmarks")
    return lambda name: any(
        name == part.name or (name.startswith(f"{part.name}.") and name.split(".")[1] not in closed) for part in parts
    )


def is_given(name: str, parts: list[Part]) -> bool:
    """Tell whether a module is one that no learner writes (or one of the decoders)."""
    for part in parts:
        if name.startswith(f"{part.name}."):
            written = name.split(".")[1] + ".py" in part.files
            return code_of([part])(name) and (part.number == DECODING or not written)
    return False


PARTS = find_parts()


def files_of_the_house() -> list[str]:
    """Every Python file that is ours.

    A learner's own exercise files are left out: the stubs that stand there hold what the solutions import.
    """
    learners = {f"{part.name}/{file}" for part in PARTS for file in part.files}
    folders = [ROOT / "autograder", *(part.folder for part in PARTS)]
    paths = [path.relative_to(ROOT).as_posix() for folder in folders for path in sorted(folder.rglob("*.py"))]
    return [path for path in paths if path not in learners and "/attacks/" not in path]


def test_every_file_imports_only_what_its_room_allows() -> None:
    files = files_of_the_house()
    assert any("/worker/" in path for path in files)
    assert any("/solution/" in path for path in files)
    found = [line for path in files for line in violations(path, (ROOT / path).read_text(encoding="utf-8"), PARTS)]
    assert found == []


# The grader names no part

_HELP = ("help", "metavar")


def part_names(source: str) -> list[str]:
    """Strings and identifiers that name a part, apart from docstrings and the examples of a command's help."""
    tree = ast.parse(source)
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                skipped.add(first.value)
        if isinstance(node, ast.keyword) and node.arg in _HELP:
            skipped |= {inner for inner in ast.walk(node.value) if isinstance(inner, ast.Constant)}
    words = (word for node in ast.walk(tree) if node not in skipped for word in _words(node))
    return [word for word in words if fnmatch(word, "*part[0-9]_[a-z]*")]


def _words(node: ast.AST) -> Iterator[str]:
    for _, value in ast.iter_fields(node):
        yield from (word for word in (value if isinstance(value, list) else [value]) if isinstance(word, str))


def test_the_grader_names_no_part() -> None:
    files = [path for path in files_of_the_house() if path.startswith("autograder/") and "/tests/" not in path]
    named = {path: part_names((ROOT / path).read_text(encoding="utf-8")) for path in files}
    assert {path: names for path, names in named.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "folder = 'part1_autograd'",
        "path = f'{root}/part2_layers/module.py'",
        "import part1_autograd",
        "from part3_recurrent.gru import GRU",
        "part4_attention = 1",
        "def part1_x(): pass",
        "f(part1_x=1)",
        "x.part1_x",
        "def f():\n    x = 1\n    'part1_autograd'",
    ],
)
def test_a_named_part_is_found(source: str) -> None:
    assert part_names(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""Grades part1_autograd."""',
        'def f():\n    """As in part1_autograd."""',
        "Option(help='part1 or part1_autograd')",
        "pattern = 'part*/'",
        "x = 'part1'",
        "x = 'partN_name/solution'",
    ],
)
def test_examples_in_texts_are_no_names(source: str) -> None:
    assert part_names(source) == []


# The folders

AT_THE_TOP = (
    ".ci", ".gitattributes", ".github", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md", "CONTRIBUTING.md",
    "LICENSE", "README.md", "autograder", "constraints.txt", "notebooks", "part[0-9]_*", "pyproject.toml",
)  # fmt: skip
IN_THE_GRADER = (
    "__pycache__",
    "authoring",
    "classroom",
    "judge",
    "practice",
    "reports",
    "scripts",
    "testing",
    "tests",
    "worker",
)
IN_A_PART = ("__pycache__", "checks", "solution", "tests")
SCRIPT_KIT = "autograder/scripts"
CATCH_ALL = ("utils", "helpers", "misc", "common", "scripts", "util", "helper", "tools")


def misplaced(root: Path) -> list[str]:
    """List what the design has no place for."""
    ignored = [".git", *_ignored_by_git(root)]
    made = tuple(f"{pattern}/" for pattern in ignored)  # such as a class that is graded here
    entries = [path for path in root.iterdir() if not any(fnmatch(path.name, pattern) for pattern in ignored)]
    found = [path for path in entries if not any(fnmatch(path.name, pattern) for pattern in AT_THE_TOP)]
    for folder in (path for path in entries if path.is_dir()):
        known = IN_THE_GRADER if folder.name == "autograder" else IN_A_PART
        if folder.name == "autograder" or fnmatch(folder.name, "part[0-9]_*"):
            found += [path for path in folder.iterdir() if path.is_dir() and path.name not in known]
        named = [path for path in folder.rglob("*") if path.stem in CATCH_ALL and path != root / SCRIPT_KIT]
        found += [path for path in named if not f"{path.relative_to(root).as_posix()}/".startswith(made)]
    return sorted({path.relative_to(root).as_posix() for path in found})


def _ignored_by_git(root: Path) -> list[str]:
    lines = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    return [line.strip().strip("/") for line in lines if line.strip() and not line.startswith("#")]


def test_everything_has_its_place() -> None:
    assert misplaced(ROOT) == []


@pytest.mark.parametrize(
    "path",
    [
        "conftest.py", "setup.py", "utils/x.py", "scripts/run.sh", "common/__init__.py", "src/x.py", "part1/x.py",
        "autograder/utils.py", "autograder/judge/helpers.py", "autograder/core/x.py", "part1_x/misc.py",
        "part1_x/layers/x.py", "part1_x/tests/utils.py", "part1_x/scripts/x.py", "autograder/judge/scripts.py",
    ],
)  # fmt: skip
def test_what_has_no_place_is_found(tmp_path: Path, path: str) -> None:
    (tmp_path / ".gitignore").write_text("# caches\n.venv*\n__pycache__/\n", encoding="utf-8")
    for kept in (
        "README.md",
        ".venv/x",
        "part1_x/part.toml",
        "part1_x/solution/x.py",
        "autograder/judge/x.py",
        "autograder/scripts/x.py",
    ):
        _touch(tmp_path / kept)
    assert misplaced(tmp_path) == []
    _touch(tmp_path / path)
    assert len(misplaced(tmp_path)) == 1


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


# The walker finds what it is for


def made(name: str, *files: str, may_import: tuple[str, ...] = ("numpy", "scipy.special")) -> Part:
    exercises = tuple(Exercise(file, 1, f"{file}.py", "", ()) for file in files)
    return Part(Path(name), "", may_import, exercises)


SOME = [
    made("part1_x", "functional", "tensor"),
    made("part2_y", "linear"),
    made("part3_z", "gru", may_import=("numpy", "scipy.special", "part2_y.linear")),
    made("part5_t", "masks", may_import=("torch",)),
    made("part6_d", "sequence_generator", may_import=("torch",)),
]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("part1_x/solution/functional.py", "import torch"),
        ("part1_x/solution/functional.py", "import numpy, torch.nn"),
        ("part1_x/solution/functional.py", "def f():\n    from torch import nn"),
        ("part1_x/solution/functional.py", "if True:\n    import importlib\n    importlib.import_module('torch')"),
        ("part1_x/solution/functional.py", "torch = __import__('torch')"),
        ("part1_x/solution/functional.py", "from scipy import optimize"),
        ("part1_x/solution/functional.py", "import numpy_financial"),
        ("part1_x/solution/functional.py", "from autograder.testing import assert_same"),
        ("part1_x/solution/functional.py", "from part2_y.linear import Linear"),
        ("part1_x/solution/functional.py", "from part1_x.tests import oracle"),
        ("part1_x/solution/functional.py", "from part1_x import solution"),
        ("part1_x/solution/functional.py", "from .tests import oracle"),
        ("part1_x/functional.py", "from . import tests"),
        ("part1_x/functional.py", "from ..part2_y import linear"),
        ("part1_x/__init__.py", "import numpy"),
        ("part1_x/__init__.py", "from part1_x import tensor"),
        ("part2_y/solution/linear.py", "from part1_x.tensor import Tensor"),
        ("part3_z/solution/gru.py", "from part1_x.tensor import Tensor"),
        ("part3_z/solution/gru.py", "from part2_y.solution.linear import Linear"),
        ("part3_z/solution/gru.py", "from part2_y.activation import Softmax"),
        ("part3_z/tests/probe_gru.py", "from part1_x.tensor import Tensor"),
        ("part5_t/solution/masks.py", "from part2_y.linear import Linear"),
        ("part1_x/tests/test_functional.py", "from part1_x import functional"),
        ("part1_x/tests/test_functional.py", "from part1_x.functional import add"),
        ("part1_x/tests/test_functional.py", "from part1_x.solution import functional"),
        ("part1_x/tests/test_functional.py", "from ..functional import add"),
        ("part1_x/tests/test_functional.py", "from part2_y.tests import oracle"),
        ("part1_x/tests/test_functional.py", "from autograder.judge import scoring"),
        ("part1_x/tests/test_functional.py", "from autograder import judge"),
        ("part1_x/tests/oracle.py", "import part1_x.tensor"),
        ("part1_x/tests/oracle.py", "import sklearn"),
        ("part1_x/tests/strategies.py", "import msgspec"),
        ("part1_x/tests/probe_functional.py", "import torch"),
        ("part1_x/tests/probe_functional.py", "import scipy.special"),
        ("part1_x/tests/probe_functional.py", "from part1_x.tests import oracle"),
        ("part1_x/tests/probe_functional.py", "from . import strategies"),
        ("part1_x/tests/probe_functional.py", "from part1_x.solution import functional"),
        ("part1_x/tests/probe_functional.py", "from part2_y.linear import Linear"),
        ("part1_x/tests/probe_functional.py", "import hypothesis"),
        ("part1_x/tests/probe_functional.py", "from autograder.testing import probes"),
        ("part1_x/benchmarks.py", "from part1_x.solution import functional"),
        ("part1_x/benchmarks.py", "from part1_x.tests import oracle"),
        ("part1_x/benchmarks.py", "import pandas"),
        ("part5_t/train_asr.py", "from part1_x.tensor import Tensor"),
        ("part6_d/sequence_generator.py", "from part5_t.masks import PadMask"),
        ("part6_d/benchmarks.py", "from part5_t.tests import oracle"),
        ("part6_d/benchmarks.py", "from part1_x.tensor import Tensor"),
        ("part5_t/train_asr.py", "from autograder.judge import exercises"),
        ("part1_x/solution/functional.py", "from autograder.scripts import launch"),
        ("part1_x/lengths.py", "from autograder.scripts import launch"),
        ("part1_x/graph.py", "from autograder.scripts import launch"),
        ("part5_t/train_asr.py", "from autograder import atomic_files"),
        ("autograder/scripts/launch.py", "import rich"),
        ("autograder/scripts/options.py", "from part1_x import functional"),
        ("autograder/scripts/options.py", "from autograder.judge import exercises"),
        ("autograder/scripts/options.py", "import msgspec"),
        ("autograder/judge/running.py", "from part1_x import functional"),
        ("autograder/judge/running.py", "import notebooks"),
        ("autograder/testing/truths.py", "import part1_x.tests.oracle"),
        ("autograder/testing/right.py", "from autograder.judge import attempt"),
        ("autograder/testing/right.py", "import rich"),
        ("autograder/worker/main.py", "from autograder.judge import staging"),
        ("autograder/worker/main.py", "from autograder import judge"),
        ("autograder/worker/main.py", "from ..judge import staging"),
        ("autograder/worker/main.py", "import hypothesis"),
        ("autograder/bootstrap.py", "import rich"),
        ("autograder/bootstrap.py", "from autograder import commands"),
        ("part1_x/checks/exact_resume.py", "import notebooks.part1"),
    ],
)
def test_a_violation_is_found(path: str, source: str) -> None:
    assert len(violations(path, source, SOME)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("part1_x/solution/functional.py", "import math, os.path\nimport numpy as np\nfrom numpy import linalg"),
        ("part1_x/solution/functional.py", "from scipy.special import expit\nfrom scipy import special"),
        ("part1_x/solution/tensor.py", "from part1_x import functional\nfrom part1_x.functional import add"),
        ("part1_x/tensor.py", "from . import functional"),
        ("part1_x/solution/tensor.py", "from . import functional\nfrom .functional import add"),
        ("part1_x/__init__.py", "import os as _os"),
        ("part3_z/solution/gru.py", "from part2_y.linear import Linear\nimport part2_y"),
        ("part5_t/solution/masks.py", "import torch\nfrom torch import nn"),
        ("part1_x/tests/test_functional.py", "from autograder.testing import law\nfrom part1_x.tests import oracle"),
        ("part1_x/tests/test_functional.py", "import torch, scipy, pytest\nfrom hypothesis import given"),
        ("part1_x/tests/oracle.py", "import torch\nfrom . import strategies"),
        ("part3_z/tests/probe_gru.py", "import numpy\nfrom part3_z import gru"),
        ("part5_t/tests/probe_masks.py", "import torch\nfrom part5_t.masks import PadMask"),
        ("part1_x/benchmarks.py", "import torch, autograd\nfrom part1_x.functional import add\nfrom rich import table"),
        ("part5_t/train_asr.py", "from part3_z import features\nfrom part6_d.sequence_generator import Generator"),
        ("part5_t/train_asr.py", "from autograder.scripts import launch\nfrom autograder.scripts.launch import Parser"),
        ("part6_d/transcribe.py", "from autograder.scripts import launch\nimport rich"),
        ("part6_d/benchmarks.py", "import transformers\nfrom part5_t.masks import PadMask"),
        ("autograder/scripts/options.py", "import rich, torch\nfrom autograder.scripts import launch"),
        ("part1_x/checks/pictures.py", "import matplotlib\nfrom part1_x.solution import tensor"),
        ("autograder/judge/running.py", "from autograder.testing import truth\nimport hypothesis"),
        (
            "autograder/testing/truths.py",
            "from autograder.printable import bounded\nfrom autograder.worker import wire",
        ),
        ("autograder/worker/main.py", "import numpy\nfrom autograder.worker import wire\nimport msgspec"),
        ("autograder/bootstrap.py", "import subprocess, tomllib"),
    ],
)
def test_what_is_allowed_is_no_violation(path: str, source: str) -> None:
    assert violations(path, source, SOME) == []
