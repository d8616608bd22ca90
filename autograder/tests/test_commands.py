"""The command line as it is typed: exit codes, one clear line for a mistake, and nothing left behind.

Everything runs on a copy of the grader with toy parts in a temporary folder, never on the checkout's own files.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autograder import commands
from autograder.authoring.stubs import unwritten
from autograder.judge.exercises import ROOT, Part
from autograder.tests.toy import SOLUTION, make_toy_part

PATIENCE = 60.0  # seconds until a wait is given up, and the test has failed
WRONG = SOLUTION["toy.py"].replace("2.0 * x", "-2.0 * x")


@dataclass(frozen=True)
class Tree:
    """A copy of the grader with a toy part, and a folder for everything temporary."""

    root: Path
    part: Part

    @property
    def temporary(self) -> Path:
        return self.root.parent / "temporary"

    @property
    def environment(self) -> dict[str, str]:
        """This one's, without what would change how a run looks or where it finds things."""
        left_out = ("SFRATORCH", "PYTEST", "PYTHON", "COLUMNS", "FORCE_COLOR", "NO_COLOR")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        folders = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.temporary))
        return kept | folders | {"SFRATORCH_NO_BOOTSTRAP": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(self.root / "autograder" / "run.py"), *arguments]

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=cwd or self.root,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )

    def graded(self, *arguments: str) -> Any:
        """The record of a run that must succeed."""
        path = self.root.parent / "record.json"
        path.unlink(missing_ok=True)
        done = self.run(*arguments, "--json", str(path))
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(path.read_text(encoding="utf-8"))

    def write(self, files: Mapping[str, str]) -> None:
        """Be the learner: put these exercise files in place."""
        for file, source in files.items():
            (self.part.folder / file).write_text(source, encoding="utf-8")

    def content(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes() for path in self.root.rglob("*") if path.is_file()
        }


def make_tree(folder: Path) -> Tree:
    root = folder / "sfratorch"
    shutil.copytree(ROOT / "autograder", root / "autograder", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    tree = Tree(root, make_toy_part(root, "part1_toy"))
    tree.temporary.mkdir()
    return tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return make_tree(tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux shows a command line as a file")
@pytest.mark.parametrize("typed", [["--seed", "918273645"], ["--seed=918273645"]])
def test_a_submission_reads_no_seed_in_the_judges_command_line(tree: Tree, typed: list[str]) -> None:
    read = 'pathlib.Path(f"/proc/{os.getppid()}/cmdline").read_text()'
    (tree.part.folder / "toy.py").write_text(f"import os, pathlib\nraise KeyError({read})\n")
    assert tree.run("part1", "-e", "toy.double", *typed, "--json", "record.json").returncode == 0
    record = json.loads((tree.root / "record.json").read_text())
    assert record["seed"] == 918273645
    seen = record["exercises"][0]["tests"][0]["message"]
    assert "--seed" in seen, "the submission sees the command line"
    assert "*********" in seen
    assert "918273645" not in seen


def test_a_reset_that_can_keep_nothing_changes_nothing(tree: Tree) -> None:
    tree.write({"toy.py": WRONG})
    (tree.root / ".sfratorch").write_text("a file where a folder should be")
    before = tree.content()
    done = tree.run("part1", "--reset", "toy.double")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("run.py: ")
    assert done.stderr.count("\n") == 1
    assert tree.content() == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody may write to, root included")
@pytest.mark.parametrize("option", ["--json", "--html", "--gradescope", "--junit", "--markdown"])
def test_a_report_that_cannot_be_written_is_one_line(tree: Tree, option: str) -> None:
    done = tree.run("part1", option, "/proc/report")
    assert done.returncode == 2
    assert done.stderr.startswith("run.py: /proc/report must be writable; got ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")
@pytest.mark.parametrize("broken", ["__init__.py", "tests/__init__.py", "tests/probe_toy.py", "tests/test_toy.py"])
def test_a_broken_file_of_ours_is_to_blame_itself(tree: Tree, broken: str) -> None:
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "the course"]):
        subprocess.run([*git, *command], cwd=tree.root, check=True)
    path = tree.part.folder / broken
    path.write_text(f"x = (\n{path.read_text()}")
    done = tree.run("part1")
    name = f"part1_toy/{broken}"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"run.py: {name} must be as it was handed out; it was changed, and fails: SyntaxError: "
    )
    assert done.stderr.endswith(f"`git checkout {name}` puts it back.\n")
    assert done.stderr.count("\n") == 1


# Mistakes of the person who types

# What is typed, and what the one line must say. {tree} stands for the folder of the copy.
MISTAKES = {
    "": "PART must be given: part1, part2, all or map; --help",
    "--hint toy.double": "PART must be given: ",
    "part1 --hint toy.triple": "exercise must be one of part1_toy's; got 'toy.triple'.",
    "part1 --profile hard": "'learner', 'grading'",
    "part3": "part must be one of part1, part2 or all; got 'part3'.",
    "part1_other": "part must be one of part1, part2 or all; got 'part1_other'.",
    "part1 part2": "unexpected extra argument",
    "part1 --seed 99999999999999999999": "Invalid value for '--seed': ",
    "part1 --no-such-option": "No such option: --no-such-option",
    "part1 -e toy.triple": "They are: toy.double, toy.scale, other.shift.",
    "part1 -e toy.double -e other": "got 'other'. Did you mean other.shift? They are: toy.double",
    "all -e toy.double": "-e must be given with one part; got all.",
    "part1 --seed one": "'--seed'",
    "part1 --seed -1": "greater than or equal to 0",
    "part1 --examples 0": "greater than or equal to 1",
    "part1 --upstream theirs": "'reference', 'own'",
    "part1 --fail-under much": "'--fail-under'",
    "part1 --fail-under": "'--fail-under' requires an argument",
    "part1 --solution --submission {tree}": "choose one",
    "part1 --submission {tree}/missing": "--submission must exist; got {tree}/missing.",
    "part1 --submission {tree}/autograder/run.py": "must be a folder or a zip; got the file {tree}/autograder/run.py.",
    "part1 --submission {tree}/../empty": "must hold exercise files such as part1_toy/toy.py part2_toy/toy.py; ",
    "part1 --submission {tree}/autograder": "`run.py PART --pack` writes the right layout.",
    "part1 --submission {tree}/../broken.zip": "must be a folder or a zip",
    "part1 --json {tree}": "--json must name a file; got the folder {tree}.",
    "part1 --json {tree}/missing/record.json": "--json must lie in an existing folder; got {tree}/missing/record.json.",
    "part1 --pack --solution": "--pack must be given for the files in place",
    "all --pack mine.zip": "--pack must be given without a name for all parts; got mine.zip.",
    "part1 --pack {tree}/missing/mine.zip": "--pack must lie in an existing folder",
    "part1 --reset toy.triple": "They are: toy.double, toy.scale, other.shift.",
    "--reset toy.double": "PART must be given",
    "all --debug": "--debug must be given with one part; got all.",
    "part1 --debug --submission {tree}/missing": "a run in this process must be of a folder that holds part1_toy/",
    "--self-test everything": "--self-test must be given alone or as full; got 'everything'.",
}  # fmt: skip
ON_POSIX = {
    "part1 --json /dev/null": "--json must name a plain file; got /dev/null.",
    "part1 --pack /dev/null": "--pack must name a plain file; got /dev/null.",
}
if os.name == "posix":
    MISTAKES |= ON_POSIX


# Types one command line after another, in one process: importing everything anew takes most of a second.
TYPIST = """\
import contextlib, io, json, sys
from autograder import commands, run

class Told(io.TextIOWrapper):
    def __init__(self):
        super().__init__(io.BytesIO(), write_through=True)

sys.argv, told = ["run.py"], []
for arguments in json.load(sys.stdin):
    with contextlib.redirect_stdout(Told()) as output, contextlib.redirect_stderr(Told()) as errors:
        code = commands.start(run.app, arguments, run.DEFAULT_VALUES)
    told.append([code, *(stream.buffer.getvalue().decode() for stream in (output, errors))])
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Mistaken:
    tree: Tree
    before: dict[str, bytes]
    after: dict[str, bytes]
    told: dict[str, tuple[int, str, str]]


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Mistaken:
    """All mistakes, made on one tree: none of them may leave a trace."""
    tree = make_tree(tmp_path_factory.mktemp("mistakes"))
    make_toy_part(tree.root, "part2_toy")
    (tree.root.parent / "empty").mkdir()
    (tree.root.parent / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    before = tree.content()
    typed = [mistake.format(tree=tree.root).split() for mistake in MISTAKES]
    done = subprocess.run(
        [sys.executable, "-c", TYPIST], cwd=tree.root, env=tree.environment, input=json.dumps(typed),
        capture_output=True, encoding="utf-8", timeout=PATIENCE, check=True,
    )  # fmt: skip
    told = {mistake: tuple(entry) for mistake, entry in zip(MISTAKES, json.loads(done.stdout), strict=True)}
    return Mistaken(tree, before, tree.content(), told)


@pytest.mark.parametrize("typed", MISTAKES)
def test_a_mistake_is_one_clear_line(mistaken: Mistaken, typed: str) -> None:
    code, output, errors = mistaken.told[typed]
    assert (code, output) == (2, "")
    assert errors.startswith("run.py: ")
    assert errors.count("\n") == 1
    assert MISTAKES[typed].format(tree=mistaken.tree.root) in errors


@pytest.mark.parametrize("typed", ["part3", "part1 --no-such-option"])
def test_a_mistake_ends_the_command_with_2(tree: Tree, typed: str) -> None:
    done = tree.run(*typed.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("run.py: ")
    assert done.stderr.count("\n") == 1


def test_mistakes_write_nothing(mistaken: Mistaken) -> None:
    assert mistaken.after == mistaken.before
    assert list(mistaken.tree.temporary.iterdir()) == []
    assert os.name != "posix" or Path(os.devnull).is_char_device()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(tree: Tree) -> None:
    closed = tree.root.parent / "closed"
    closed.mkdir(mode=0o500)
    done = tree.run("part1", "--json", str(closed / "record.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--json must be writable; got {closed / 'record.json'}." in done.stderr


# Help

OF_THE_CONTRACT = (
    "-e", "--solution", "--submission", "--upstream", "--seed", "--examples", "--debug", "--json", "--fail-under",
    "--pack", "--reset", "--self-test", "--install",
)  # fmt: skip


def test_help_mentions_every_option_and_the_exit_codes(tree: Tree) -> None:
    from autograder import run

    done = tree.run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    mentioned = re.findall(r"^ +(?:(-\w), )?(--[\w-]+)", done.stdout, re.MULTILINE)
    options = {option for pair in mentioned for option in pair if option}
    parameters = {f"--{name.replace('_', '-')}" for name in inspect.signature(run.run).parameters if name != "part"}
    assert options >= {*OF_THE_CONTRACT, *parameters, "--help"}
    assert "Exit code 0: graded; 1: below --fail-under; 2: could not grade." in " ".join(done.stdout.split())


# Grading


def test_the_first_run_on_untouched_files(tree: Tree) -> None:
    elsewhere = tree.root.parent
    done = tree.run("part1", cwd=elsewhere)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 / 100 points" in done.stdout
    start = re.search(r"^Start here: part1_toy/toy\.py:(\d+)  toy\.double  2 x", done.stdout, re.MULTILINE)
    assert start
    line = (tree.part.folder / "toy.py").read_text(encoding="utf-8").splitlines()[int(start[1]) - 1]
    assert "raise NotImplementedError(" in line
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout)  # a pipe: no colours, no progress bar
    assert list(tree.temporary.iterdir()) == []
    assert (tree.root / ".sfratorch" / "part1_toy.json").is_file()


def test_the_reference_is_graded_in_full_and_nothing_is_remembered_of_it(tree: Tree) -> None:
    record = tree.graded("part1_toy", "--solution", "--seed", "7", "--fail-under", "100")
    assert (record["points"], record["max_points"], record["code"], record["seed"]) == (100, 100, "solution", 7)
    assert not (tree.root / ".sfratorch").exists()


def test_a_learners_way_from_wrong_to_right(tree: Tree) -> None:
    tree.write({"toy.py": WRONG})
    first = tree.run("part1", "--fail-under", "50", "--seed", "1")
    assert first.returncode == 1
    assert "20 / 100 points" in first.stdout
    assert "✗ toy.double   0 / 40   2 x" in first.stdout
    assert "it looks like" in first.stdout
    assert "y has the wrong sign" in first.stdout
    assert "Then: part1_toy/other.py" in first.stdout
    tree.write({"toy.py": SOLUTION["toy.py"]})
    second = tree.run("part1", "--fail-under", "50", "--seed", "1")
    assert second.returncode == 0
    assert "60 / 100 points" in second.stdout
    assert "newly green: toy.double" in second.stdout
    assert "Next: part1_toy/other.py" in second.stdout


def test_the_problem_that_failed_last_time_is_met_again(tree: Tree) -> None:
    tree.write({"toy.py": SOLUTION["toy.py"].replace("2.0 * x", "2.0 * x if x.size < 3 else x")})
    first = tree.graded("part1", "--seed", "1", "-e", "toy.double", "--examples", "60")["exercises"][0]["tests"][0]
    remembered = json.loads((tree.root / ".sfratorch" / "part1_toy.json").read_text(encoding="utf-8"))
    assert remembered["failing"] == {"test_toy.py::test_double": first["replay"]["problem"]}
    again = tree.graded("part1", "--seed", "2", "-e", "toy.double", "--examples", "1")["exercises"][0]["tests"][0]
    assert again["counterexample"] == first["counterexample"]  # one example alone would not have found it


@pytest.mark.slow
def test_the_same_seed_gives_the_same_result(tree: Tree) -> None:
    tree.write({"toy.py": WRONG})
    records = []
    for _ in range(2):
        shutil.rmtree(tree.root / ".sfratorch", ignore_errors=True)
        record = tree.graded("part1", "--seed", "5", "--examples", "3")
        for test in (test for exercise in record["exercises"] for test in exercise["tests"]):
            del test["seconds"]
        records.append(record)
    assert records[0] == records[1]


@pytest.mark.slow
def test_one_exercise_alone(tree: Tree) -> None:
    record = tree.graded("part1", "--solution", "-e", "other.shift", "--exercise", "toy.scale")
    assert [exercise["id"] for exercise in record["exercises"]] == ["toy.scale", "other.shift"]
    assert record["max_points"] == 60


def test_all_parts_and_their_sum(tree: Tree) -> None:
    make_toy_part(tree.root, "part2_toy")
    path = tree.root.parent / "all.json"
    done = tree.run("all", "--solution", "--json", str(path), "--fail-under", "200")
    assert (done.returncode, done.stderr) == (0, "")
    assert "all parts  200 / 200" in done.stdout
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["schema"] == 1
    assert [part["part"] for part in record["parts"]] == ["part1_toy", "part2_toy"]


def test_a_fault_of_the_grader_is_not_a_grade(tree: Tree) -> None:
    path = tree.part.folder / "tests" / "test_other.py"
    source = path.read_text(encoding="utf-8").replace('{"y": x + 1.0}', "no_such_name")
    path.write_text(source.replace("candidate.run(other.run_shift, x=x)", "no_such_name"), encoding="utf-8")
    record_path = tree.root.parent / "record.json"
    done = tree.run("part1", "--solution", "--json", str(record_path))
    assert done.returncode == 2
    assert "other.shift: a fault of the grader, not of your code." in done.stdout
    assert "NameError" in done.stdout
    record = json.loads(record_path.read_text(encoding="utf-8"))
    assert [exercise["outcome"] for exercise in record["exercises"]] == ["passed", "passed", "grader fault"]


@pytest.mark.parametrize("code_page", ["cp1252", "cp437", "ascii"])
def test_the_report_is_utf8_whatever_code_page_a_pipe_has(tree: Tree, code_page: str) -> None:
    tree.write({"toy.py": WRONG})
    for typed in (["part1"], ["map"], ["part1", "--hint", "toy.double"], ["part1", "--compare", "toy.double"]):
        done = subprocess.run(
            tree.command(*typed), cwd=tree.root, env=tree.environment | {"PYTHONIOENCODING": code_page, "LC_ALL": "C"},
            capture_output=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
        assert done.stderr == b""
        assert ("✗ toy.double" in done.stdout.decode()) == (typed == ["part1"])


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
def test_a_reader_that_has_seen_enough_is_no_grade_below(tree: Tree) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        tree.command("part1"), cwd=tree.root, env=tree.environment, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (2, b"")
    assert list(tree.temporary.iterdir()) == []


# Handing in


def test_what_is_packed_can_be_graded(tree: Tree) -> None:
    tree.write({"toy.py": WRONG, "other.py": SOLUTION["other.py"]})
    (tree.part.folder / "notes.txt").write_text("mine", encoding="utf-8")
    done = tree.run("part1", "--pack", "--seed", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "packed part1_toy.zip" in done.stdout
    packed = tree.root / "part1_toy.zip"
    with zipfile.ZipFile(packed) as archive:
        assert sorted(archive.namelist()) == ["part1_toy/other.py", "part1_toy/toy.py", "practice.json"]
        assert archive.read("part1_toy/toy.py").decode() == WRONG
        practice = json.loads(archive.read("practice.json"))
    record = tree.graded("part1", "--submission", str(packed), "--seed", "1")
    assert record["points"] == practice["points"] == 60
    assert record["code"] == str(packed)
    assert record["ignored_files"] == []


@pytest.mark.slow
def test_a_submission_may_lie_in_one_enclosing_folder_and_hold_other_files(tree: Tree) -> None:
    folder = tree.root.parent / "submission"
    for name, source in {"ada/part1_toy/toy.py": WRONG, "ada/part1_toy/conftest.py": "raise SystemExit"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    record = tree.graded("part1", "--submission", str(folder))
    assert {exercise["id"]: exercise["outcome"] for exercise in record["exercises"]} == {
        "toy.double": "wrong",
        "toy.scale": "passed",
        "other.shift": "not handed in",
    }
    assert record["ignored_files"] == ["ada/part1_toy/conftest.py"]
    assert not (tree.root / ".sfratorch").exists()


# Beginning again


def test_a_reset_keeps_what_was_there(tree: Tree) -> None:
    stub = (tree.part.folder / "toy.py").read_text(encoding="utf-8")
    tree.write({"toy.py": SOLUTION["toy.py"]})
    done = tree.run("part1", "--reset", "toy.double")
    assert (done.returncode, done.stderr) == (0, "")
    own = (tree.part.folder / "toy.py").read_text(encoding="utf-8")
    assert list(unwritten(own)) == ["toy.double"]
    assert "return factor * x" in own
    kept = re.search(r"what you had is kept in (\S+)\.$", done.stdout.strip())
    assert kept
    assert (tree.root / kept[1]).read_text(encoding="utf-8") == SOLUTION["toy.py"]

    again = tree.run("part1", "--reset", "toy.double")
    assert (again.returncode, again.stdout) == (0, "toy.double is as it was handed out; nothing to do.\n")
    tree.run("part1", "--reset", "toy.scale")
    own = (tree.part.folder / "toy.py").read_text(encoding="utf-8")
    assert unwritten(own) == unwritten(stub)
    contents = [path.read_text(encoding="utf-8") for path in (tree.root / kept[1]).parent.iterdir()]
    assert len(contents) == 2
    assert SOLUTION["toy.py"] in contents


def test_a_reset_of_a_file_that_cannot_be_read_changes_nothing(tree: Tree) -> None:
    tree.write({"toy.py": "def double(x:\n"})
    before = tree.content()
    done = tree.run("part1", "--reset", "toy.double")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("run.py: part1_toy/toy.py:1: the file must be valid Python; ")
    assert done.stderr.count("\n") == 1
    assert tree.content() == before


# Debugging


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (SOLUTION["toy.py"].replace("return 2.0 * x", "print('here'); raise KeyError('x')"), "KeyError: 'x'"),
        pytest.param(
            WRONG,
            "toy.double\n  claim          double gives 2 x.\n",
            marks=pytest.mark.slow,
        ),
        pytest.param(SOLUTION["toy.py"], "other.shift is not attempted.", marks=pytest.mark.slow),
        pytest.param(
            SOLUTION["toy.py"].replace("return 2.0 * x", "raise SystemExit(3)"), "SystemExit: 3", marks=pytest.mark.slow
        ),
    ],
    ids=["error", "wrong", "not attempted", "exit"],
)
def test_a_debug_run_gives_no_score(tree: Tree, source: str, said: str) -> None:
    tree.write({"toy.py": source})
    done = tree.run("part1", "--debug")
    assert done.returncode == 0
    assert said in done.stdout
    assert "point" not in done.stdout.replace("breakpoint", "")
    if "KeyError" in source:
        assert "here" in done.stdout
        assert 'part1_toy/toy.py", line' in done.stderr.replace(os.sep, "/")
    assert not (tree.root / ".sfratorch").exists()


def test_a_debug_run_that_meets_a_fault_of_the_grader_says_so_and_fails(tree: Tree) -> None:
    path = tree.part.folder / "tests" / "test_toy.py"
    source = path.read_text(encoding="utf-8")
    assert "candidate.run(toy.run_double, x=x)" in source
    path.write_text(source.replace("candidate.run(toy.run_double, x=x)", "no_such_name"), encoding="utf-8")
    done = tree.run("part1", "--debug", "--solution", "-e", "toy.double")
    assert done.returncode == 2
    assert "grader fault: " in done.stdout
    assert "NameError" in done.stdout + done.stderr


def test_what_a_debug_run_says_to_type_again_names_the_code(tree: Tree) -> None:
    folder = tree.root.parent / "submission"
    (folder / "part1_toy").mkdir(parents=True)
    for file, source in {**SOLUTION, "toy.py": WRONG}.items():
        (folder / "part1_toy" / file).write_text(source, encoding="utf-8")
    done = tree.run("part1", "--debug", "--submission", str(folder))
    assert f"again          python autograder/run.py part1 --submission {folder} -e toy.double\n" in done.stdout


def test_breakpoint_works_in_a_debug_run(tree: Tree) -> None:
    tree.write({"toy.py": SOLUTION["toy.py"].replace("return 2.0 * x", "breakpoint()\n    return 2.0 * x")})
    done = subprocess.run(
        tree.command("part1", "--debug", "-e", "toy.double", "--examples", "1"),
        cwd=tree.root, env=tree.environment, input="print('x is', x)\nc\nc\nc\n", capture_output=True, encoding="utf-8",
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "x is [0.125]" in done.stdout
    assert "2 tests ran without a failure. A debug run gives no score." in done.stdout


@pytest.mark.parametrize("option", ["--submission", pytest.param("--solution", marks=pytest.mark.slow)])
def test_other_code_can_be_debugged(tree: Tree, option: str) -> None:
    folder = tree.root.parent / "submission"
    (folder / "part1_toy").mkdir(parents=True)
    for file, source in SOLUTION.items():
        (folder / "part1_toy" / file).write_text(source, encoding="utf-8")
    done = tree.run("part1", "--debug", *([option] if option == "--solution" else [option, str(folder)]))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "5 tests ran without a failure. A debug run gives no score.\n"


# Being stopped


def until(condition: Any, what: str) -> Any:
    """Wait for something that happens sooner or later."""
    for _ in range(int(PATIENCE / 0.05)):
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {PATIENCE:g} s")


def processes_in(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, encoding="utf-8", check=True)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if str(folder.resolve()) in line]


def test_a_self_test_that_a_script_begins_in_the_background_hears_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a script has its processes ignore it, and a test of Ctrl-C would wait in vain."""
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 7))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert commands.self_test("quick") == 7
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize("number", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_a_run_that_is_stopped_leaves_nothing_behind(tree: Tree, number: str) -> None:
    endless = "open('begun', 'w').close() or [0 for _ in iter(int, 1)]"
    tree.write({"toy.py": SOLUTION["toy.py"].replace("2.0 * x", endless)})
    record = tree.root.parent / "record.json"
    process = subprocess.Popen(
        tree.command("part1", "--json", str(record)), cwd=tree.root, env=tree.environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: list(tree.temporary.glob("*/home/begun")), "the endless loop")
        assert processes_in(tree.temporary)
        process.send_signal(getattr(signal, number))
        output, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert (output, errors) == (b"", b"stopped; nothing was written.\n")
    assert list(tree.temporary.iterdir()) == []
    assert processes_in(tree.temporary) == []
    assert not record.exists()
    assert not (tree.root / ".sfratorch").exists()
