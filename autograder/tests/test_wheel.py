"""What `pip install .` brings: the reference, typed, and nothing of the grading."""

from __future__ import annotations

import os
import shutil
import sys
import venv
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pytest
from setuptools import Distribution

from autograder.authoring.wheel import BuildReference
from autograder.judge.exercises import find_parts
from autograder.scripts.launch import ROOT, VENV_PYTHON
from autograder.tests.processes import run

GRADER = {"autograder/__init__.py", "autograder/atomic_files.py"}
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"
IMPORT_ALL = (
    "import importlib, sys; print(*(importlib.import_module(name).__file__ for name in sys.argv[1:]), sep='\\n')"
)
EXAMPLE = """
import torch
from part5_transformers.transformers import DecoderOnlyTransformer
model = DecoderOnlyTransformer(num_layers=1, d_model=8, num_heads=2, d_ff=16, dropout=0.0, max_len=5, num_classes=7)
logits, attention = model.eval()(torch.tensor([[1, 2, 3]]))
print(*logits.shape, *attention)
"""


# What the command collects


def collect(folder: Path, package: str, editable: bool = False) -> dict[str, str]:
    """The files, named from the folder, that the command takes for the modules of a package."""
    command = BuildReference(Distribution({"script_name": "setup.py"}))
    command.editable_mode = editable
    modules = command.find_package_modules(package, str(folder / package))
    return {name: Path(file).relative_to(folder).as_posix() for _, name, file in modules}


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A part with a stub and a given module, and a grader."""
    for name in (
        "part1_toy/__init__.py",
        "part1_toy/stub.py",
        "part1_toy/given.py",
        "part1_toy/part.toml",
        "part1_toy/solution/stub.py",
        "part1_toy/tests/test_stub.py",
        "autograder/__init__.py",
        "autograder/atomic_files.py",
        "autograder/run.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_solution_takes_the_place_of_its_stub(toy: Path) -> None:
    given = {"__init__": "part1_toy/__init__.py", "given": "part1_toy/given.py"}
    assert collect(toy, "part1_toy") == {**given, "stub": "part1_toy/solution/stub.py"}
    assert collect(toy, "part1_toy", editable=True) == {**given, "stub": "part1_toy/stub.py"}


def test_no_stub_is_needed_where_there_is_a_solution(toy: Path) -> None:
    everything = collect(toy, "part1_toy")
    (toy / "part1_toy/stub.py").unlink()
    assert collect(toy, "part1_toy") == everything


def test_of_the_grader_only_what_scripts_need_is_taken(toy: Path) -> None:
    assert set(collect(toy, "autograder").values()) == GRADER


# The wheel


class Built(NamedTuple):
    """A copy of the repository, and what was built in it."""

    house: Path
    wheel: Path
    source: Path


def build(house: Path, kind: str) -> Path:
    """The file that setuptools builds from a copy of the repository; `kind` is wheel, sdist or editable."""
    done = run(house, "-c", BUILD, f"build_{kind}", str(house / "dist"), PYTHONPATH="")
    assert done.returncode == 0, done.stderr
    return house / "dist" / done.stdout.splitlines()[-1]


def contents(wheel: Path) -> dict[str, str]:
    """The texts of a wheel by name, but for what describes it."""
    with ZipFile(wheel) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    house = tmp_path_factory.mktemp("house")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, house)
    for folder in (ROOT / "autograder", *(part.folder for part in find_parts())):
        shutil.copytree(folder, house / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    left_over = house / "build/lib/part1_old/old.py"
    left_over.parent.mkdir(parents=True)
    left_over.touch()
    return Built(house, build(house, "wheel"), build(house, "sdist"))


@pytest.mark.slow
def test_the_wheel_holds_the_reference_and_what_scripts_need(built: Built) -> None:
    expected = {name: (ROOT / name).read_text(encoding="utf-8") for name in GRADER} | {"autograder/py.typed": ""}
    for folder in (ROOT / "autograder/scripts", *(part.folder for part in find_parts())):
        for file in folder.glob("*.py"):
            reference = folder / "solution" / file.name
            text = (reference if reference.exists() else file).read_text(encoding="utf-8")
            expected[file.relative_to(ROOT).as_posix()] = text
    expected |= {f"{part.name}/py.typed": "" for part in find_parts()}
    found = contents(built.wheel)
    assert found.keys() == expected.keys()
    assert found == expected
    assert not any("YOUR CODE HERE" in text for text in found.values())


@pytest.mark.slow
def test_the_source_distribution_gives_the_same_wheel(built: Built, tmp_path: Path) -> None:
    shutil.unpack_archive(built.source, tmp_path)
    [house] = tmp_path.iterdir()
    assert contents(build(house, "wheel")) == contents(built.wheel)


# Installed


class Installed(NamedTuple):
    """A Python that has what was built, and the folder where that lies."""

    python: str
    packages: Path

    def run(self, folder: Path, *arguments: str) -> str:
        """Call the program in this folder, which must succeed; give what it prints."""
        done = run(folder, *arguments, python=self.python, PYTHONPATH="")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def install(wheel: Path, root: Path) -> Installed:
    """Unpack the wheel, which is what pip does, into an environment that has this Python's other packages."""
    venv.create(root / ".venv", symlinks=os.name != "nt")
    [packages] = (root / ".venv").rglob("site-packages")
    with ZipFile(wheel) as archive:
        archive.extractall(packages)
    others = [path for path in sys.path if path.endswith("-packages")]
    (packages / "others.pth").write_text("\n".join(others), encoding="locale")  # their own .pth files do nothing
    return Installed(str(root / VENV_PYTHON.relative_to(ROOT)), packages)


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(built.wheel, tmp_path_factory.mktemp("installed"))


@pytest.mark.slow
def test_every_module_can_be_imported(built: Built, installed: Installed, tmp_path: Path) -> None:
    for extra in ("matplotlib", "sklearn"):
        pytest.importorskip(extra)
    files = [name for name in contents(built.wheel) if name.endswith(".py")]
    names = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in files]
    imported = installed.run(tmp_path, "-c", IMPORT_ALL, *names).splitlines()
    assert [Path(file) for file in imported] == [installed.packages / name for name in files]


@pytest.mark.slow
def test_a_language_model_runs_outside_the_repository(installed: Installed, tmp_path: Path) -> None:
    assert installed.run(tmp_path, "-c", EXAMPLE) == "1 3 7 layer1_dec_self\n"


@pytest.mark.slow
def test_a_script_runs_the_reference_and_writes_where_it_was_called(installed: Installed, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    installed.run(tmp_path, "-m", "part5_transformers.train_lm", "--steps", "1", "--solution")
    assert (tmp_path / "runs/train_lm/last.pt").is_file()


@pytest.mark.slow
def test_a_type_checker_sees_the_types(installed: Installed, tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    program = "from part5_transformers.masks import PadMask; reveal_type(PadMask)"
    done = run(tmp_path, "-m", "mypy", "--python-executable", installed.python, "-c", program, PYTHONPATH="")
    assert "(padded_input: torch._tensor.Tensor, input_lengths: torch._tensor.Tensor) -> " in done.stdout, done.stdout


@pytest.mark.slow
def test_an_editable_install_leaves_the_stubs_in_place(built: Built, tmp_path: Path) -> None:
    editable = install(build(built.house, "editable"), tmp_path)
    names = ("part1_autograd.functional", "part1_autograd.solution.functional", "autograder.judge.exercises")
    files = [built.house / (name.replace(".", "/") + ".py") for name in names]
    assert [Path(file) for file in editable.run(tmp_path, "-c", IMPORT_ALL, *names).splitlines()] == files
