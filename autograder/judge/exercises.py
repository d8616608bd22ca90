"""Parts and their exercises, as `part*/part.toml` states them."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder.judge.failures import CannotGrade

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = re.compile(r"part(\d+)_\w+")


@dataclass(frozen=True)
class Exercise:
    """One entry of part.toml."""

    id: str
    points: float
    file: str
    summary: str
    hints: tuple[str, ...]
    needs: tuple[str, ...] = ()
    extra: bool = False
    may_not_use: dict[str, list[str]] = field(default_factory=dict, hash=False)  # function → names

    @property
    def plain_id(self) -> str:
        """The id where only letters, digits, hyphens and underscores are allowed, as in nbgrader."""
        return self.id.replace(".", "-")


@dataclass(frozen=True)
class Part:
    """A part's folder, its rules and its exercises in the order in which they are done."""

    folder: Path
    title: str
    may_import: tuple[str, ...]
    exercises: tuple[Exercise, ...]
    given: tuple[str, ...] = ()  # our modules and scripts beside the exercise files

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def short_name(self) -> str:
        return self.name.partition("_")[0]

    @property
    def number(self) -> int:
        return int(self.short_name.removeprefix("part"))

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The exercise files: what a learner hands in."""
        return tuple(dict.fromkeys(exercise.file for exercise in self.exercises))

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(exercise.id for exercise in self.exercises)

    @property
    def max_points(self) -> float:
        return sum(exercise.points for exercise in self.exercises if not exercise.extra)

    @cached_property
    def all_needs(self) -> dict[str, frozenset[str]]:
        """For every exercise what it needs, and what that needs in turn."""
        closure: dict[str, frozenset[str]] = {}
        for exercise in self.exercises:
            closure[exercise.id] = frozenset(exercise.needs).union(*(closure[need] for need in exercise.needs))
        return closure

    def exercise(self, exercise_id: str) -> Exercise:
        """The exercise of this id. Raises CannotGrade that lists the right ones."""
        for exercise in self.exercises:
            if exercise.id == exercise_id:
                return exercise
        ids = [exercise.id for exercise in self.exercises]
        meant = [each for each in ids if each.endswith(f".{exercise_id}")] or difflib.get_close_matches(
            exercise_id, ids
        )
        hint = f" Did you mean {meant[0]}?" if meant else ""
        raise CannotGrade(
            f"exercise must be one of {self.name}'s; got {exercise_id!r}.{hint} They are: {', '.join(ids)}."
        )


def load_part(folder: Path) -> Part:
    """Read `part.toml`. Raises CannotGrade that names the file and the entry that is wrong."""
    path = folder / "part.toml"
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
        exercises = tuple(_exercise(entry) for entry in entries["exercise"])
        part = Part(folder, entries["title"], tuple(entries["may_import"]), exercises, tuple(entries.get("given", ())))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotGrade(
            f"{path} must state title, may_import and exercises; got {type(error).__name__}: {error}."
        ) from None
    _check_order(part, path)
    return part


def _exercise(entry: dict[str, Any]) -> Exercise:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Exercise(**fields)


def _check_order(part: Part, path: Path) -> None:
    known: set[str] = set()
    for exercise in part.exercises:
        if exercise.id in known:
            raise CannotGrade(f"{path}: id must be unique; got {exercise.id!r} twice.")
        for need in exercise.needs:
            if need not in known:
                raise CannotGrade(f"{path}: needs must name earlier exercises; {exercise.id} needs {need!r}.")
        known.add(exercise.id)


def find_parts(root: Path = ROOT) -> list[Part]:
    """Every part in the repository, in order."""
    folders = [
        folder for folder in root.glob("part*/") if _FOLDER.fullmatch(folder.name) and (folder / "part.toml").is_file()
    ]
    return sorted((load_part(folder) for folder in folders), key=lambda part: part.number)


def find_part(name: str, root: Path = ROOT) -> Part:
    """The part called `part4` or `part4_attention`. Raises CannotGrade that lists the right names."""
    parts = find_parts(root)
    for part in parts:
        if name.strip("/\\") in (part.name, part.short_name):
            return part
    raise CannotGrade(f"part must be one of {', '.join(part.short_name for part in parts)} or all; got {name!r}.")


def earlier_parts(part: Part, root: Path = ROOT) -> Iterable[Part]:
    """The parts that this one may build on."""
    return (other for other in find_parts(root) if other.number < part.number)
