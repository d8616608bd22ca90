"""What is handed out: which files, no answers, a score of 0 that becomes 100, and the same bytes every time."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from autograder.authoring.handouts import collect, write
from autograder.judge.exercises import ROOT, find_parts
from autograder.judge.handed_out import MANIFEST, MODULES, digest
from autograder.tests.courses import HAS_NOTEBOOKS, Course, make_course
from autograder.tests.toy import SOLUTION

NOT_EMPTY = "--to must name an empty folder, or what is not there yet; got {outside}"
STAYS_AT_HOME = ("solution/", "checks/", "autograder/tests/", "authoring/templates", "authoring/catalogue", ".git/")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("house"))


@pytest.fixture
def course(original: Course, tmp_path: Path) -> Course:
    """One that a test may change."""
    shutil.copytree(original.root, tmp_path / "course")
    return Course(tmp_path / "course")


@pytest.fixture(scope="module")
def given(original: Course) -> Course:
    """A handout of the first part, in a folder whose name is not plain ASCII."""
    folder = original.root.parent / "Übung eins"
    done = original.handout("part1", "--to", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"wrote {folder}: ")
    assert done.stdout.endswith(" files; as they are, part1_toy earns 0 points\n")
    return Course(folder)


@pytest.fixture
def mine(given: Course, tmp_path: Path) -> Course:
    """The same, for a test that writes into it."""
    shutil.copytree(given.root, tmp_path / "mein Ordner")
    return Course(tmp_path / "mein Ordner")


def record(course: Course, *arguments: str | Path) -> dict[str, object]:
    done = course.run(*arguments, "--json", "record.json")
    assert (done.returncode, done.stderr) == (0, "")
    return dict(json.loads((course.root / "record.json").read_bytes()))


# What is in it


def test_it_holds_what_a_learner_needs_and_nothing_of_the_answers(given: Course) -> None:
    content = given.content()
    assert {"README.md", "LICENSE", "pyproject.toml", "constraints.txt", ".gitignore", MANIFEST} <= content.keys()
    assert {"autograder/run.py", "autograder/handout.py", "part1_toy/toy.py", "part1_toy/tests/test_toy.py"} <= set(
        content
    )
    assert [name for name in content if name.startswith("part2") or any(part in name for part in STAYS_AT_HOME)] == []
    assert b"return 2.0 * x" not in b"".join(content.values())


def test_the_manifest_has_a_digest_of_every_file(given: Course) -> None:
    content = given.content()
    manifest = json.loads(content.pop(MANIFEST))
    assert manifest["parts"] == ["part1_toy"]
    assert re.fullmatch(r"[0-9a-f]{12}", manifest["commit"])
    assert manifest["stubs"].keys() - {"notebooks/part1.ipynb"} == {"part1_toy/toy.py", "part1_toy/other.py"}
    assert {name: digest(each) for name, each in content.items()} == manifest["files"] | manifest["stubs"]


def test_its_readme_names_what_is_to_be_written(given: Course) -> None:
    readme = (given.root / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# SfraTorch: Toy\n")
    assert "| [part1: Toy](part1_toy/README.md) | `python autograder/run.py part1` |" in readme
    assert "came along" not in readme
    assert not re.search(r"<[<%]|[>%]>|\n\n\n", readme)
    assert "python autograder/run.py part1 --pack" in readme
    assert "`.venv/bin/python NEW/autograder/handout.py --update .`" in readme  # another would set NEW up, too
    assert "Actions" not in readme


def test_a_link_to_what_stays_at_home_is_text(given: Course) -> None:
    assert (
        (given.root / "part1_toy/README.md")
        .read_text(encoding="utf-8")
        .endswith("The grader: [how](../autograder/README.md), the reference, the next part.\n")
    )


def test_the_parts_that_it_imports_come_along(course: Course, tmp_path: Path) -> None:
    done = course.handout("part2", "--to", tmp_path / "stubs")
    assert done.stdout.endswith("; as they are, part1_toy and part2_next earn 0 points\n")
    assert b"| [part1: Toy](part1_toy/README.md) | stubs" in Course(tmp_path / "stubs").content()["README.md"]
    done = course.handout("part2", "--with-reference", "part1", "--to", tmp_path / "finished")
    assert done.stdout.endswith("; as they are, part2_next earns 0 points\n")
    finished = Course(tmp_path / "finished")
    assert "| [part1: Toy](part1_toy/README.md) | finished |" in (finished.root / "README.md").read_text(
        encoding="utf-8"
    )
    assert "SOLUTION" not in (finished.root / "part1_toy/toy.py").read_text(encoding="utf-8")
    assert record(finished, "part1")["points"] == 100


def test_all_names_every_part(course: Course, tmp_path: Path) -> None:
    done = course.handout("all", "--to", tmp_path / "x")
    assert done.stdout.endswith("; as they are, part1_toy and part2_next earn 0 points\n")
    assert json.loads((tmp_path / "x" / MANIFEST).read_bytes())["parts"] == ["part1_toy", "part2_next"]


def test_a_class_on_github_gets_a_workflow_and_a_container(course: Course, tmp_path: Path) -> None:
    assert course.handout("part1", "part2", "--github", "62.5", "--to", tmp_path / "x").returncode == 0
    workflow = (tmp_path / "x/.github/workflows/grade.yml").read_text(encoding="utf-8")
    for part in ("part1", "part2"):
        line = f'python autograder/run.py {part} --markdown "$GITHUB_STEP_SUMMARY" --fail-under 62.5\n'
        assert f"\n  {part}:\n    name: Toy\n" in workflow
        assert line in workflow
    readme = (tmp_path / "x/README.md").read_text(encoding="utf-8")
    assert "under *Actions*; it is red below 62.5 points |\n| know" in readme
    assert "`python autograder/run.py part1 --pack`, `python autograder/run.py part2 --pack`" in readme
    container = json.loads((tmp_path / "x/.devcontainer/devcontainer.json").read_bytes())
    assert container["postCreateCommand"] == "python autograder/bootstrap.py"


def test_the_same_course_gives_the_same_bytes(course: Course, tmp_path: Path) -> None:
    for name in ("one.zip", "other/one.zip"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        assert course.handout("part1", "--to", tmp_path / name).returncode == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other/one.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        names = archive.namelist()
    assert names == sorted(names)
    assert {name.partition("/")[0] for name in names} == {"one"}


def test_what_git_does_not_keep_stays_at_home(course: Course, tmp_path: Path) -> None:
    course.write({"part1_toy/notes.txt": "whom I suspect", "autograder/judge/.notes": ""})
    course.handout("part1", "--to", tmp_path / "x")
    assert not [path for path in (tmp_path / "x").rglob("*") if "notes" in path.name]
    course.write({"part1_toy/README.md": "changed"})
    course.handout("part1", "--to", tmp_path / "y")
    assert json.loads((tmp_path / "y" / MANIFEST).read_bytes())["commit"].endswith("+")


# A learner works with it


def test_the_reference_scores_100_in_it_and_what_it_packs_scores_100_at_home(mine: Course, original: Course) -> None:
    assert record(mine, "part1")["points"] == 0
    mine.write({f"part1_toy/{file}": source for file, source in SOLUTION.items()})
    result = record(mine, "part1", "--pack", "hand-in.zip")
    assert (result["points"], result["ignored_files"]) == (100, [])
    assert original.run("part1", "--submission", mine.root / "hand-in.zip").stdout.count("100 / 100 points") == 1


def test_a_run_names_the_handout(mine: Course) -> None:
    manifest = json.loads((mine.root / MANIFEST).read_bytes())
    named = f"{manifest['version']} ({manifest['commit']})"
    assert record(mine, "part1")["versions"]["handout"] == named  # type: ignore[index]
    assert f"practice with handout {named}, on isolation level" in mine.run("part1").stdout


def test_an_exercise_can_be_begun_anew_without_git(mine: Course) -> None:
    stub = (mine.root / "part1_toy/toy.py").read_bytes()
    mine.write({"part1_toy/toy.py": SOLUTION["toy.py"]})
    assert mine.run("part1", "--reset", "toy.double").returncode == 0
    assert mine.run("part1", "--reset", "toy.scale").returncode == 0
    assert (mine.root / "part1_toy/toy.py").read_bytes() == stub


def test_an_earlier_part_is_what_stands_there_where_only_this_one_is_handed_in(course: Course, tmp_path: Path) -> None:
    course.handout("part2", "--with-reference", "part1", "--to", tmp_path / "x")
    mine = Course(tmp_path / "x")
    source = SOLUTION["toy.py"].replace("import numpy as np", "import numpy as np\n\nfrom part1_toy import toy")
    toml = (mine.root / "part2_next/part.toml").read_text(encoding="utf-8")
    mine.write({"part2_next/part.toml": toml.replace('["numpy"]', '["numpy", "part1_toy"]')})
    mine.write({"in/part2_next/toy.py": source.replace("2.0 * x", "toy.double(x)")})
    assert "✓  toy.double" in mine.run("part2", "--submission", mine.root / "in").stdout


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "x"], "PART must be given with --to, once or more; got none."),
        (["part3", "--to", "{outside}"], "part must be one of part1, part2 or all; got 'part3'."),
        (["part1", "--to", "inside"], "--to must lie outside of the repository {root}; got {root}{/}inside."),
        (
            ["part1", "--to", "{outside}/full"],
            NOT_EMPTY,
        ),
        (
            ["part1", "--to", "{outside}/a.zip"],
            NOT_EMPTY,
        ),
        (["part1", "--to", "{outside}/no/x"], "--to must lie in an existing folder; got {outside}"),
        (["part1", "--with-reference", "part1", "--to", "{outside}/x"], "--with-reference must name other parts than"),
        (["part1", "--with-reference", "part2", "--to", "{outside}/x"], "the others import: none; got part2."),
        (["part1", "--github", "60"], "One of --to, --update, --write-stubs, --check-stubs and --new must be given"),
        (["--check-stubs", "--github", "60"], "--with-reference and --github must be given with --to; see --help."),
    ],
)
def test_a_wrong_call_is_one_line_and_writes_nothing(
    arguments: list[str], message: str, original: Course, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").touch()
    (tmp_path / "a.zip").touch()
    before = original.content(), sorted(tmp_path.rglob("*"))
    words = {"{outside}": str(tmp_path), "{root}": str(original.root), "{/}": "\\" if "\\" in str(tmp_path) else "/"}

    def said(text: str) -> str:
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        return text

    done = original.handout(*map(said, arguments))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said(message).replace("/", words["{/}"]) in done.stderr.replace("/", words["{/}"])
    assert (original.content(), sorted(tmp_path.rglob("*"))) == before


def test_an_answer_that_has_slipped_into_a_text_is_named_and_nothing_is_written(course: Course, tmp_path: Path) -> None:
    line = 'raise ValueError(f"factor must be a number; got {factor}.")'
    course.write({"part1_toy/README.md": f"# Toy\n\n    {line}\n"})
    done = course.handout("part1", "--to", tmp_path / "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"part1_toy/README.md must not hold a line of the reference; got {line!r}.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["course"]


def test_stubs_that_earn_points_are_not_handed_out(course: Course, tmp_path: Path) -> None:
    course.write({"part1_toy/other.py": 'def shift(x):\n    """x + 1"""\n    return 1.0 + x\n'})
    done = course.handout("part1", "--to", tmp_path / "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("part1_toy must score 0 as it is handed out; got 40")
    assert [path.name for path in tmp_path.iterdir()] == ["course"]


def test_a_picture_that_is_missing_is_named(course: Course, tmp_path: Path) -> None:
    course.write({"part1_toy/README.md": "![a tape](tape.png)\n"})
    done = course.handout("part1", "--to", tmp_path / "x")
    assert done.stderr == "part1_toy/README.md links to tape.png, which is not in the handout.\nNothing was written.\n"


def test_a_handout_makes_no_handouts(mine: Course, tmp_path: Path) -> None:
    done = mine.handout("part1", "--to", tmp_path / "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Only --update works in a handout; the rest needs a clone of the course.\n"


# The course itself


with_notebooks = pytest.mark.skipif(not HAS_NOTEBOOKS, reason="the extra notebooks is not installed")


@with_notebooks
def test_a_notebook_travels_without_outputs(mine: Course) -> None:
    assert [cell["source"] for cell in json.loads(mine.content()["notebooks/part1.ipynb"])["cells"]] == [
        ["# Part 1, looked at\n", "\n", "What twice is."],
        ["1 + 1"],
    ]


@with_notebooks
@pytest.mark.slow
def test_the_course_is_handed_out_and_the_reference_scores_100_in_it(tmp_path: Path) -> None:
    """All parts, outside of git; every link resolves, no answer is in it, and the stubs score 0."""
    parts = find_parts()
    write(ROOT, collect(ROOT, [part.name for part in parts]), tmp_path / "Mein Kurs")
    mine = Course(tmp_path / "Mein Kurs")
    for part in parts:
        for file in part.files:
            shutil.copyfile(part.folder / "solution" / file, mine.root / part.name / file)
        result = record(mine, part.short_name, "--pack", f"{part.name}.zip")
        assert (result["points"], result["ignored_files"]) == (sum(each.points for each in part.exercises), [])
        submitted = Course(ROOT).run(part.short_name, "--submission", mine.root / f"{part.name}.zip")
        assert f"{result['points']:g} / 100 points" in submitted.stdout


@with_notebooks
def test_no_answer_of_the_course_is_in_what_is_handed_out() -> None:
    from autograder.authoring.leaks import leaks

    handout = collect(ROOT, [part.name for part in find_parts()])
    assert len(handout.secret_lines) > 500
    assert leaks(handout.files, handout.secret_lines) == []
    assert MODULES in handout.files
