"""A small course of two toy parts in a repository of its own, for the tests of what is handed out.

course = make_course(tmp_path)      part1_toy imports nothing; part2_next has a script that imports part1_toy
course.handout("part1", "--to", "x")     runs `handout.py` there
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from autograder.judge.exercises import ROOT
from autograder.tests.toy import make_toy_part

TOP = ("LICENSE", "constraints.txt", "pyproject.toml", ".gitattributes", ".gitignore")
README = """\
# Toy

The grader: [how](../autograder/README.md), [the reference](solution/toy.py), [the next part](../part2_next/README.md).
"""
WALK_THROUGH = """\
# %% [markdown]
# # Part 1, looked at
#
# What twice is.

# %%
1 + 1
"""
HAS_NOTEBOOKS = all(map(importlib.util.find_spec, ("jupytext", "nbclient", "nbconvert", "ipykernel", "matplotlib")))
Ended = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Course:
    """The repository, or a handout of it."""

    root: Path

    def handout(self, *arguments: str | Path) -> Ended:
        return self.command("handout.py", *arguments)

    def run(self, *arguments: str | Path) -> Ended:
        return self.command("run.py", *arguments)

    def pytest(self, *arguments: str) -> Ended:
        return self._started([sys.executable, "-m", "pytest", *arguments])

    def command(self, program: str, *arguments: str | Path) -> Ended:
        return self._started([sys.executable, str(self.root / "autograder" / program), *map(str, arguments)])

    def _started(self, command: list[str]) -> Ended:
        left_out = ("SFRATORCH", "PYTEST", "PYTHON", "COLUMNS", "FORCE_COLOR", "NO_COLOR", "GIT_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        return subprocess.run(
            command,
            cwd=self.root,
            env=kept | {"SFRATORCH_NO_BOOTSTRAP": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def commit(self) -> None:
        identity = ("-c", "user.name=teacher", "-c", "user.email=teacher@example.org", "-c", "core.autocrlf=false")
        git(self.root, "add", "--all")
        git(self.root, *identity, "commit", "--quiet", "--message", "the course")

    def content(self) -> dict[str, bytes]:
        paths = (path for path in self.root.rglob("*") if path.is_file() and ".git" not in path.parts)
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in paths}


def make_course(folder: Path) -> Course:
    """Write it below `folder`, and commit it."""
    course = Course(folder / "course")
    ignored = shutil.ignore_patterns("__pycache__", "attacks")
    shutil.copytree(ROOT / "autograder", course.root / "autograder", ignore=ignored)
    for name in TOP:
        shutil.copyfile(ROOT / name, course.root / name)
    for name in ("part1_toy", "part2_next"):
        make_toy_part(course.root, name)
        toml = (course.root / name / "part.toml").read_text(encoding="utf-8")
        scripts = '"train_toy.py"' if name == "part2_next" else '"module.py"'
        course.write({f"{name}/part.toml": toml.replace("\n[[", f"given = [{scripts}]\n\n[[", 1)})
    course.write(
        {
            "README.md": "# The course\n",
            "part1_toy/README.md": README,
            "part1_toy/module.py": "LARGEST = 2.0\n",
            "part1_toy/checks/__init__.py": "",
            "part2_next/README.md": "# Next\n",
            "part2_next/train_toy.py": "from part1_toy.toy import double\n",
        }
    )
    if HAS_NOTEBOOKS:
        course.write({"notebooks/look.mplstyle": "", "notebooks/part1.py": WALK_THROUGH})
    git(course.root, "init", "--quiet")
    course.commit()
    return course


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=True)
