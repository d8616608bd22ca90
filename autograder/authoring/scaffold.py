"""A new exercise module: what `handout.py --new PART MODULE` writes, and where."""

from __future__ import annotations

import ast
import keyword
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from autograder.atomic_files import write_whole
from autograder.authoring.stub_files import HandoutError, remember
from autograder.authoring.stubs import generate_stub

_PART = re.compile(r"part[1-9]\d*_[a-z][a-z0-9_]*")
_MODULE = re.compile(r"[a-z][a-z0-9_]*")
_FOLDERS = {"solution", "tests", "checks", "benchmarks"}
_IN_TEXTS = {
    "annotations", "array", "candidate", "forward", "given", "gradients", "inputs", "known", "layers", "mistake", "nn",
    "np", "oracle", "output", "partial", "probes", "problem", "st", "tensors", "torch", "truth",
}  # fmt: skip
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
)
# The folders of templates: what a module may look like, and its exercises
_METHODS = {"functions": ("forward",), "layer": ("forward", "backward"), "torch_layer": ("forward",)}


@dataclass(frozen=True)
class NewExercise:
    """The files that were written, and what is left to their author."""

    written: list[Path]
    next_steps: list[str]


def new_exercise(root: Path, part: str, module: str) -> NewExercise:
    """Write the files of a new exercise module, in an existing part or a new one, its entries in part.toml and its rows
    in the README, all in the shape that the part's modules have.

    Raises HandoutError, with nothing written, for a name that cannot be used and for files that are already there.
    """
    folder = _part_folder(root, part)
    _check_module(module)
    toml_path, readme_path = root / folder / "part.toml", root / folder / "README.md"
    is_new = not toml_path.exists()
    words = _words(root / folder, module) | {"is_new": is_new}
    files = {f"{folder}/{name}": text for name, text in _rendered(words["shape"], words).items()}
    files[f"{folder}/{module}.py"] = generate_stub(files[f"{folder}/solution/{module}.py"], folder)
    present = [path for path in files if (root / path).exists()]
    if present:
        advice = "Choose another MODULE; an exercise in a module that exists is a region and an entry in part.toml."
        raise HandoutError(f"{', '.join(present)} must not be there yet; got {len(present)} of {len(files)}. {advice}")
    if is_new:
        files |= _part_files(root, folder, words)
        changed = {}
    else:
        changed = {toml_path: _with_entries(toml_path, _text("entries.toml", words), module)}
        if readme_path.exists():
            changed[readme_path] = _with_rows(readme_path, _text("rows.md", words))
    with _all_or_nothing(root, changed) as write:
        for path, text in files.items():
            write(path, text)
        remember(root, Path(folder, f"{module}.py"), files[f"{folder}/{module}.py"].encode())
        for changed_path, content in changed.items():
            write_whole(changed_path, content)
    written = [*map(Path, files), *(path.relative_to(root) for path in changed)]
    return NewExercise(written, _text("next_steps.txt", words).splitlines())


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


def _text(name: str, words: dict[str, Any]) -> str:
    return _TEMPLATES.get_template(f"{name}.jinja").render(words)


def _rendered(folder: str, words: dict[str, Any]) -> dict[str, str]:
    """The texts of a folder of templates, by the paths at which they are written."""
    names = [name.removesuffix(".jinja") for name in _TEMPLATES.list_templates() if name.startswith(f"{folder}/")]
    paths = [name.removeprefix(f"{folder}/").replace("MODULE", words["module"]) for name in names]
    return {path: _text(name, words) for path, name in zip(paths, names, strict=True)}


def _words(folder: Path, module: str) -> dict[str, Any]:
    """Fill what the templates leave open; the shape is that of the part's modules."""
    number, _, name = folder.name.removeprefix("part").partition("_")
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("solution/*.py")))
    is_numpy, is_torch = re.findall(r"^class \w+\(Module\)", sources, re.M), re.findall(r"\(nn\.Module\)", sources)
    shape = "torch_layer" if len(is_torch) > len(is_numpy) else "layer" if is_numpy else "functions"
    module_class = re.search(r"^from (\w+\.\w+) import .*\bModule\b", sources, re.MULTILINE)
    toml_path = folder / "part.toml"
    may_import = _parsed(toml_path, toml_path.read_bytes()).get("may_import", []) if toml_path.exists() else []
    return {
        "part": folder.name,
        "number": number,
        "part_title": name.replace("_", " ").capitalize(),
        "module": module,
        "title": module.replace("_", " ").capitalize(),
        "class_name": module.title().replace("_", ""),
        "shape": shape,
        "methods": _METHODS[shape],
        "module_class": module_class[1] if module_class else "",
        "is_torch": "torch" in may_import and "numpy" not in may_import,
    }


def _part_files(root: Path, folder: str, words: dict[str, Any]) -> dict[str, str]:
    """Write what a new part needs besides its first module, as far as it is not there."""
    files = {f"{folder}/{name}": text for name, text in _rendered("part", words).items()}
    files[f"{folder}/__init__.py"] += _switch(root)
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


def _with_entries(path: Path, entries: str, module: str) -> bytes:
    """part.toml with more exercises at its end; what it held before stays byte for byte."""
    before = path.read_bytes()
    line_end = b"\r\n" if b"\r\n" in before else b"\n"
    gap = line_end if before.endswith(line_end) else line_end * 2
    after = before + gap + entries.encode().replace(b"\n", line_end)
    old = _parsed(path, before).get("exercise", [])
    if taken := [exercise["id"] for exercise in old if exercise.get("id", "").partition(".")[0] == module]:
        raise HandoutError(f"{path} must not have {taken[0]} yet; got one. Choose another MODULE.")
    if _parsed(path, after)["exercise"][: len(old)] != old:
        raise HandoutError(f"{path} must list exercises as [[exercise]] tables; got another form. Write them so.")
    return after


def _with_rows(path: Path, rows: str) -> bytes:
    """The README with more rows at the end of its table of exercises."""
    before = path.read_text(encoding="utf-8")
    table = re.search(r"^\| file \| exercise \| points \|.*\n(\|.*\n)+", before, re.MULTILINE)
    if table is None:
        advice = "Write its heading as | file | exercise | points | what it is for |."
        raise HandoutError(f"{path} must have a table of exercises; got none. {advice}")
    return (before[: table.end()] + rows + before[table.end() :]).encode()


def _parsed(path: Path, toml: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(toml.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        advice = "Correct it first, with every exercise in a [[exercise]] table."
        raise HandoutError(f"{path} must be TOML that one more exercise can follow; got {error}. {advice}") from None


# Writing


@contextmanager
def _all_or_nothing(root: Path, changed: Iterable[Path]) -> Iterator[Callable[[str, str], None]]:
    """Give a function that writes new files; if the block fails, take them back, and what it changed too."""
    made: list[Path] = []
    before = {path: path.read_bytes() for path in changed}

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
        for path, content in before.items():
            if path.read_bytes() != content:
                write_whole(path, content)
        for path in reversed(made):
            with suppress(OSError):  # a folder that somebody else has used meanwhile stays
                path.rmdir() if path.is_dir() else path.unlink()
        raise
