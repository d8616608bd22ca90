"""The walk-throughs run to their end, come out the same twice, and say what cannot be done."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupytext")  # the extra `notebooks` brings it

from autograder.authoring.notebooks import code_cells, execute, find_scripts, read, summary, write
from autograder.authoring.stub_files import HandoutError
from autograder.scripts.launch import ROOT
from autograder.tests.processes import interrupt, run

WALK_THROUGHS = find_scripts(ROOT / "notebooks", [])
TOY = """\
# %% [markdown]
# # A toy
#
# You will see
# a line.

# %% tags=["try"] alt="A <straight> line"
import os, sys
import matplotlib.pyplot as plt
print(os.environ["SFRATORCH_CODE"])
plt.plot([0, 1])
plt.show()

# %%
print(hash("a string"))
"""
FAILING = """
# %%
raise NotImplementedError("linear.forward")

# %%
print("goes on")
"""
WITHOUT_JUPYTEXT = """
import importlib.util, runpy, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "jupytext" else found(name, *rest)
sys.argv = sys.path[:1] = ["notebooks/build.py"]
runpy.run_path("notebooks/build.py", run_name="__main__")
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A course of one walk-through, with a grader."""
    shutil.copytree(ROOT / "autograder", tmp_path / "autograder", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "build.py", tmp_path / "notebooks")
    (tmp_path / "notebooks" / "part1.py").write_text(TOY, encoding="utf-8")
    return tmp_path


def build(folder: Path, *arguments: str, **variables: str) -> Any:
    variables = {"SFRATORCH_NO_BOOTSTRAP": "1", "PYTHONPATH": "", **variables}
    return run(folder, str(folder / "notebooks" / "build.py"), *arguments, **variables)


# The command


def test_the_command_writes_a_notebook_a_page_and_an_index(toy: Path) -> None:
    done = build(toy, "part1_toy", "--html", "pages", MPLBACKEND="Agg")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ran part1: 2 code cells, 1 pictures\nwrote ")
    written = ["notebooks/built/part1.ipynb", "pages/index.html", "pages/part1.html"]
    assert all((toy / path).is_file() for path in written)
    index = (toy / "pages" / "index.html").read_text(encoding="utf-8")
    assert '<a href="part1.html">A toy</a><br>You will see a line.' in index
    page = (toy / "pages" / "part1.html").read_text(encoding="utf-8")
    assert 'alt="A &lt;straight&gt; line"' in page
    assert re.findall(r"<script|<link|(?:src|href)=.https?:|@import", page) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["part9"], "PART must be one of part1; got part9. Without PART, all are built.\n"),
        (["--html", "taken"], "--html must name a folder; got the file taken. Name another.\n"),
    ],
    ids=["part", "html"],
)
def test_what_cannot_be_done_is_one_line(toy: Path, arguments: list[str], line: str) -> None:
    (toy / "taken").touch()
    done = build(toy, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == line


@pytest.mark.slow
def test_nothing_is_written_where_a_cell_fails(toy: Path) -> None:
    (toy / "notebooks" / "part2.py").write_text(FAILING, encoding="utf-8")
    done = build(toy)
    assert done.returncode == 2
    problem = "NotImplementedError: linear.forward, in the cell that begins with 'raise NotImplementedError"
    assert done.stderr.startswith(f"part2.py must run to its end; got {problem}")
    assert not (toy / "notebooks" / "built").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no Ctrl-C for one process alone")
def test_ctrl_c_ends_the_kernel_and_writes_nothing(toy: Path) -> None:
    (toy / "notebooks" / "part2.py").write_text("# %%\nimport time\ntime.sleep(600)\n", encoding="utf-8")
    code, output = interrupt(toy, str(toy / "notebooks" / "build.py"), root=toy)
    assert (code, output) == (130, "ran part1: 2 code cells, 1 pictures\nstopped; nothing was written.\n")
    assert not (toy / "notebooks" / "built").exists()


def test_a_missing_package_is_said_with_the_way_to_install_it(toy: Path) -> None:
    done = run(toy, "-c", WITHOUT_JUPYTEXT, SFRATORCH_NO_BOOTSTRAP="1")
    assert done.returncode == 2
    assert "got no jupytext. Run: python autograder/run.py --install notebooks" in done.stderr


# Scripts


def test_parts_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("part10.py", "part2.py", "build.py"):
        (tmp_path / name).touch()
    assert [path.stem for path in find_scripts(tmp_path, [])] == ["part2", "part10"]
    assert [path.stem for path in find_scripts(tmp_path, ["part10_x", "part10"])] == ["part10"]


def test_a_folder_without_walk_throughs_is_said(tmp_path: Path) -> None:
    with pytest.raises(HandoutError, match=r"must hold walk-throughs partN\.py; got none"):
        find_scripts(tmp_path, [])


def test_a_script_that_is_not_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "part1.py").write_bytes(b"# \xff")
    with pytest.raises(HandoutError, match=r"part1\.py must be a percent script in UTF-8; got 'utf-8' codec"):
        read(tmp_path / "part1.py")


# Execution


def test_own_code_may_fail_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SFRATORCH_CODE", raising=False)
    (tmp_path / "part1.py").write_text(TOY + FAILING, encoding="utf-8")
    notebook = execute(tmp_path / "part1.py", own=True)
    assert summary(notebook) == "4 code cells, 1 pictures, 1 failed"
    first, _, failed, last = (cell.outputs[0] for cell in code_cells(notebook))
    assert (first.text, failed.ename, last.text) == ("own\n", "NotImplementedError", "goes on\n")


@pytest.fixture
def twice(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Any, list[bytes], list[bytes]]:
    """A walk-through, and the files that two executions of it give."""
    files = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        notebook = execute(request.param)
        written = write({request.param.stem: notebook}, folder / "built", folder / "pages")
        files.append([path.read_bytes() for path in written])
    return notebook, *files


@pytest.mark.slow
@pytest.mark.parametrize("twice", WALK_THROUGHS, indirect=True, ids=lambda path: path.stem)
def test_a_walk_through_is_the_same_twice_and_describes_its_pictures(
    twice: tuple[Any, list[bytes], list[bytes]],
) -> None:
    notebook, one, two = twice
    assert one == two
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    drawn = [cell for cell in code_cells(notebook) if any("image/png" in each.get("data", {}) for each in cell.outputs)]
    assert len(drawn) >= 3
    assert [cell.source for cell in drawn if not cell.metadata.get("alt")] == []
    assert not any(str(ROOT).encode() in file or b"Matplotlib version" in file for file in one)


@pytest.mark.parametrize("script", WALK_THROUGHS, ids=lambda path: path.stem)
def test_a_walk_through_asks_three_questions_and_invites_to_try(script: Path) -> None:
    cells = read(script).cells
    tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
    assert tags.count("question") == 3
    assert 2 <= tags.count("try") <= 3
    assert 8 <= sum(cell.cell_type == "code" for cell in cells) <= 14
