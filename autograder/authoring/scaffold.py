"""A new exercise module: what `handout.py --new PART MODULE` writes, and where."""

from __future__ import annotations

import ast
import keyword
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from autograder.atomic_files import write_whole
from autograder.authoring.drift import HandoutError, remember
from autograder.authoring.scaffold_texts import ENTRY, MODULE_FILES, NUMPY, PART_FILES, PART_INIT, TORCH
from autograder.authoring.stubs import generate_stub

_PART = re.compile(r"part[1-9]\d*_[a-z][a-z0-9_]*")
_MODULE = re.compile(r"[a-z][a-z0-9_]*")
_FOLDERS = {"solution", "tests", "checks", "benchmarks"}
_IN_TEXTS = {"annotations", "arrays", "candidate", "given", "np", "probes", "st", "torch", "truth"}


@dataclass(frozen=True)
class NewExercise:
    """What was written, and what is left to its author."""

    written: list[Path]
    next_steps: list[str]


def new_exercise(root: Path, part: str, module: str) -> NewExercise:
    """Write the files of a new exercise module, in an existing part or a new one, and its entry in part.toml.

    Raises HandoutError, with nothing written, for a name that cannot be used and for files that are already there.
    """
    folder = _part_folder(root, part)
    _check_module(module)
    toml_path = root / folder / "part.toml"
    words = _words(folder, module) | _library(toml_path)
    files = {
        Template(f"{folder}/{name}").substitute(words): text.substitute(words) for name, text in MODULE_FILES.items()
    }
    files[f"{folder}/{module}.py"] = generate_stub(files[f"{folder}/solution/{module}.py"], folder)
    present = [path for path in files if (root / path).exists()]
    if present:
        advice = "Choose another MODULE; an exercise in a module that exists is a region and an entry in part.toml."
        raise HandoutError(f"{', '.join(present)} must not be there yet; got {len(present)} of {len(files)}. {advice}")
    if toml_path.exists():
        toml = _with_entry(toml_path, ENTRY.substitute(words, points="1\nextra = true"), f"{module}.forward")
    else:
        files |= _part_files(root, folder, words)
        toml = None
    with _all_or_nothing(root) as write:
        for path, text in files.items():
            write(path, text)
        remember(root, Path(folder, f"{module}.py"), files[f"{folder}/{module}.py"].encode())
        if toml is not None:
            write_whole(toml_path, toml)
    written = [Path(path) for path in files] + ([] if toml is None else [Path(folder, "part.toml")])
    return NewExercise(written, _next_steps(folder, module, is_new=toml is None))


# Names


def _part_folder(root: Path, part: str) -> str:
    """The folder of an existing part, or of a new one."""
    part = part.rstrip("/\\")
    known = sorted(path.parent.name for path in root.glob("part*/part.toml") if _PART.fullmatch(path.parent.name))
    numbers = {name.partition("_")[0]: name for name in known}
    if part in known or part in numbers:
        return numbers.get(part, part)
    if not _PART.fullmatch(part):
        free = 1 + max((int(number.removeprefix("part")) for number in numbers), default=0)
        choices = ", ".join([*known, f"or a new name such as part{free}_name"])
        raise HandoutError(f"PART must be {choices}; got {part!r}.")
    taken = numbers.get(part.partition("_")[0])
    if taken is not None:
        raise HandoutError(f"PART must have its own number; got {part!r} beside {taken}. Did you mean {taken}?")
    return part


def _check_module(module: str) -> None:
    if not _MODULE.fullmatch(module) or keyword.iskeyword(module):
        advice = "Leave out the folder and `.py`."
        raise HandoutError(
            f"MODULE must be a Python name of small letters, digits and underscores; got {module!r}. {advice}"
        )
    if module in _FOLDERS | _IN_TEXTS:
        raise HandoutError(
            f"MODULE must not be a name that parts or tests use themselves; got {module!r}. Choose another."
        )


# Texts


def _words(folder: str, module: str) -> dict[str, str]:
    """What the templates leave open."""
    number, _, name = folder.removeprefix("part").partition("_")
    return {"part": folder, "number": number, "title": name.replace("_", " ").capitalize(), "module": module}


def _library(toml_path: Path) -> dict[str, str]:
    """The words for the library that the part may import."""
    may_import = _parsed(toml_path, toml_path.read_bytes()).get("may_import", []) if toml_path.exists() else []
    return TORCH if "torch" in may_import and "numpy" not in may_import else NUMPY


def _part_files(root: Path, folder: str, words: dict[str, str]) -> dict[str, str]:
    """What a new part needs besides its first module, as far as it is not there."""
    files = {f"{folder}/{name}": text.substitute(words) for name, text in PART_FILES.items()}
    files[f"{folder}/part.toml"] += ENTRY.substitute(words, points="100")
    files[f"{folder}/__init__.py"] = PART_INIT.substitute(words) + _switch(root)
    return {path: text for path, text in files.items() if not (root / path).exists()}


def _switch(root: Path) -> str:
    """The lines below the docstring of an existing part's `__init__.py`, the same in all of them."""
    models = sorted(path for path in root.glob("part*/__init__.py") if (path.parent / "part.toml").exists())
    if not models:
        raise HandoutError(
            f"{root} must hold a part whose __init__.py can be copied; got none. Start from a full checkout."
        )
    source = models[0].read_text(encoding="utf-8")
    docstring = ast.parse(source).body[0]
    return "".join(source.splitlines(keepends=True)[docstring.end_lineno :])


def _with_entry(path: Path, entry: str, exercise_id: str) -> bytes:
    """part.toml with one more exercise at its end; what it held before stays byte for byte."""
    before = path.read_bytes()
    line_end = b"\r\n" if b"\r\n" in before else b"\n"
    gap = line_end if before.endswith(line_end) else line_end * 2
    after = before + gap + entry.encode().replace(b"\n", line_end)
    old = _parsed(path, before).get("exercise", [])
    if any(exercise.get("id") == exercise_id for exercise in old):
        raise HandoutError(f"{path} must not have {exercise_id} yet; got one. Choose another MODULE.")
    if _parsed(path, after)["exercise"][: len(old)] != old:
        raise HandoutError(f"{path} must list exercises as [[exercise]] tables; got another form. Write them so.")
    return after


def _parsed(path: Path, toml: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(toml.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        advice = "Correct it first, with every exercise in a [[exercise]] table."
        raise HandoutError(f"{path} must be TOML that one more exercise can follow; got {error}. {advice}") from None


def _next_steps(folder: str, module: str, is_new: bool) -> list[str]:
    short = folder.partition("_")[0]
    points = "100 points" if is_new else "1 extra point, so that the part's points still sum to 100"
    tests = f"{folder}/tests"
    return [
        f"Write the reference in {folder}/solution/{module}.py, docstrings included; `forward` is only a first name.",
        f"Write the oracle in {tests}/oracle.py and call it in {tests}/test_{module}.py, which fails until then.",
        f"Write the summary, the hints and the points in {folder}/part.toml: the exercise has {points}.",
        f"Name the exercise in {folder}/README.md, at its place in the order.",
        f"python autograder/handout.py --write-stubs {short}",
        f"python autograder/run.py {short} --solution -e {module}.forward",
    ]


# Writing


@contextmanager
def _all_or_nothing(root: Path) -> Iterator[Callable[[str, str], None]]:
    """Give a function that writes new files, and take them back if the block fails."""
    made: list[Path] = []

    def write(path: str, text: str) -> None:
        target = root / path
        for folder in reversed(target.relative_to(root).parents):
            if not (root / folder).exists():
                (root / folder).mkdir()
                made.append(root / folder)
        with target.open("xb") as file:
            made.append(target)
            file.write(text.encode())

    try:
        yield write
    except BaseException:
        for path in reversed(made):
            with suppress(OSError):  # a folder that somebody else has used meanwhile stays
                path.rmdir() if path.is_dir() else path.unlink()
        raise
