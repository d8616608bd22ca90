"""A script starts with the right code, in the right Python, and Ctrl-C reaches it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from autograder.scripts import launch
from autograder.tests.processes import environment, interrupt, run

needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no signal for a single process")

TOY = """
import os, sys
from autograder.scripts import launch
launch.start("part2_toy.train_toy", needs=NEEDS, train=TRAIN, threads=1)
try:
    print(os.environ["SFRATORCH_CODE"], os.environ["OMP_NUM_THREADS"], *sys.argv[1:], flush=True)
    WORK
except KeyboardInterrupt:
    sys.exit("saved")
sys.exit(5)
"""


def toy_house(root: Path, needs: tuple[str, ...] = (), train: tuple[str, ...] = (), work: str = "pass") -> Path:
    """A root with a script in part 2, a part 1 with a reference, and a part 3 without one."""
    for part in ("part1_autograd", "part2_toy", "part3_more"):
        (root / part).mkdir()
        (root / part / "part.toml").touch()
    for part in ("part1_autograd", "part2_toy"):
        (root / part / "solution").mkdir()
    (root / "autograder/scripts").mkdir(parents=True)
    for file in ("__init__.py", "scripts/__init__.py", "scripts/launch.py"):
        shutil.copy(launch.ROOT / "autograder" / file, root / "autograder" / file)
    program = TOY.replace("NEEDS", repr(needs)).replace("TRAIN", repr(train)).replace("WORK", work)
    (root / "part2_toy/train_toy.py").write_text(program, encoding="utf-8")
    return root


def test_nothing_is_imported_before_the_variables_are_set(tmp_path: Path) -> None:
    program = "import sys; from autograder.scripts import launch; print({'numpy', 'rich', 'torch'} & {*sys.modules})"
    assert run(tmp_path, "-c", program).stdout == "set()\n"


@pytest.mark.parametrize(
    ("encoding", "said"), [("cp1252", r"\U0001f600 é \udcff"), ("utf-8", "\N{GRINNING FACE} é \\udcff")]
)
def test_what_a_console_cannot_encode_is_spelled_out(tmp_path: Path, encoding: str, said: str) -> None:
    odd = "\N{GRINNING FACE} \N{LATIN SMALL LETTER E WITH ACUTE} \udcff"
    root = toy_house(tmp_path, work=f"print({odd!a})")
    command = [sys.executable, "-m", "part2_toy.train_toy"]
    variables = environment(PYTHONPATH=str(root), PYTHONIOENCODING=encoding)
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (5, b"")
    assert done.stdout.decode(encoding).splitlines()[1] == said


@pytest.mark.parametrize(
    ("options", "chosen", "code"),
    [
        ("", "", "part2=own,part1=solution,part3=own"),
        ("--upstream reference", "solution", "part2=own,part1=solution,part3=own"),
        ("--upstream own", "", "part2=own,part1=own,part3=own"),
        ("--solution", "part2=own", "solution"),
        ("--solution --upstream reference", "", "solution"),
        ("--solution --upstream=own", "", "part2=solution,part1=own,part3=own"),
        ("--epochs 3", "part1=own", "part1=own"),
    ],
)
def test_the_options_choose_whose_code_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, chosen: str, code: str
) -> None:
    monkeypatch.setattr(launch, "ROOT", toy_house(tmp_path))
    monkeypatch.setenv("SFRATORCH_CODE", chosen)
    assert launch.code_for("part2_toy.train_toy", options.split()) == code


def test_benchmarks_take_the_reference_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "ROOT", toy_house(tmp_path))
    monkeypatch.delenv("SFRATORCH_CODE", raising=False)
    assert launch.code_for("part2_toy.benchmarks", [], prefer_solution=True) == "solution"
    assert launch.code_for("part3_more.benchmarks", [], prefer_solution=True).startswith("part3=own,")


def test_without_a_reference_solution_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "ROOT", toy_house(tmp_path))
    with pytest.raises(SystemExit, match="2"):
        launch.code_for("part3_more.train_more", ["--solution"])
    assert "--solution needs the folder part3_more/solution" in capsys.readouterr().err


def test_an_installed_part_is_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "ROOT", toy_house(tmp_path))
    monkeypatch.setenv("SFRATORCH_CODE", "elsewhere")
    (tmp_path / "part2_toy/part.toml").unlink()
    (tmp_path / "part2_toy/solution").rmdir()
    assert launch.code_for("part2_toy.train_toy", ["--solution"]) == ""
    assert launch.code_for("part2_toy.train_toy", []) == "elsewhere"


def start_toy(root: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run(root.parent, "-m", "part2_toy.train_toy", *options, PYTHONPATH=str(root), **variables)


def test_a_script_starts_again_with_its_variables_and_arguments(tmp_path: Path) -> None:
    root = toy_house(tmp_path)
    done = start_toy(root, "--solution", "two words")
    assert (done.returncode, done.stdout, done.stderr) == (5, "solution 1 --solution two words\n", "")


def test_what_this_python_lacks_is_found_in_the_venv_of_the_project(tmp_path: Path) -> None:
    root = toy_house(tmp_path, needs=("rare_need",))
    missing = start_toy(root)
    assert (missing.returncode, missing.stdout, missing.stderr.count("\n")) == (2, "", 1)
    assert missing.stderr.startswith("part2_toy.train_toy needs rare_need, which ")
    assert missing.stderr.endswith(f" lacks. Run in {root}: python autograder/run.py --install train\n")

    (root / "part2_toy/part.toml").rename(tmp_path / "part.toml")
    assert start_toy(root).stderr.endswith(' -m pip install "sfratorch[train]"\n')
    (tmp_path / "part.toml").rename(root / "part2_toy/part.toml")

    venv.create(root / ".venv", symlinks=os.name != "nt")
    assert start_toy(root).stderr.startswith("part2_toy.train_toy needs rare_need")  # not there, and no endless loop
    [packages] = (root / ".venv").rglob("site-packages")
    (packages / "rare_need.py").touch()
    done = start_toy(root)
    assert (done.returncode, done.stdout) == (5, "part2=own,part1=solution,part3=own 1\n")


@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_help_needs_nothing_of_the_extra_train(tmp_path: Path, asked: str) -> None:
    root = toy_house(tmp_path, train=("rare_need",))
    assert start_toy(root, asked).returncode == 5
    assert start_toy(root).stderr.startswith("part2_toy.train_toy needs rare_need")


BEYOND_THE_CORE = ("matplotlib", "sklearn", "transformers", "autograd", "flashlight")
CORE_ONLY = f"""
import sys
from importlib.machinery import PathFinder

class Core(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {BEYOND_THE_CORE} else super().find_spec(name, path, target)

sys.meta_path[:] = [Core if finder is PathFinder else finder for finder in sys.meta_path]
"""
SCRIPTS = [path for path in sorted(launch.ROOT.glob("part*/*.py")) if "__main__" in path.read_text(encoding="utf-8")]


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: f"{script.parent.name}.{script.stem}")
def test_every_script_shows_its_help_where_only_the_core_is(tmp_path: Path, script: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(CORE_ONLY, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(launch.ROOT)])
    done = run(tmp_path, "-m", f"{script.parent.name}.{script.stem}", "--help", PYTHONPATH=path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m {script.parent.name}.{script.stem}")


@needs_signals
def test_ctrl_c_is_the_new_processs_to_answer(tmp_path: Path) -> None:
    root = toy_house(tmp_path, work="import time; time.sleep(60)")
    code, output = interrupt(tmp_path, "-m", "part2_toy.train_toy", root=root)
    assert (code, output.splitlines()[1:]) == (1, ["saved"])


def test_ctrl_c_where_nothing_is_to_be_saved_is_quiet(tmp_path: Path) -> None:
    root = toy_house(tmp_path)
    with (root / "part2_toy/train_toy.py").open("r+", encoding="utf-8") as script:
        program = script.read()
        script.seek(0)
        script.write(program.replace("try:", "raise KeyboardInterrupt\ntry:"))
    done = start_toy(root)
    assert (done.returncode, done.stderr) == (130, "")
