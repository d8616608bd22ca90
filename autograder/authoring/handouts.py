"""Handouts: parts as stubs, with tests, hints and the autograder, and without answers.

`collect` gives every file, `write` a folder or a zip that has been tried.  The same course gives the same bytes.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import jinja2
import msgspec

from autograder.atomic_files import write_whole
from autograder.authoring.leaks import leaks
from autograder.authoring.stub_files import HandoutError
from autograder.authoring.stubs import regions
from autograder.judge.exercises import Part, find_part, find_parts
from autograder.judge.handed_out import MANIFEST, MODULES, Manifest, digest

TOP = ("LICENSE", "constraints.txt", "pyproject.toml", ".gitattributes", ".gitignore")
AUTHORING = ("__init__.py", "stub_files.py", "regions.py", "stubs.py", "updates.py", "wheel.py")
STAYS = ("autograder/tests/", "autograder/classroom/", "autograder/grade.py")  # the instructor's
LOOK = "notebooks/look.mplstyle"
PART_STAYS = ("solution/", "checks/")
_TEMPLATES = Path(__file__).resolve().parent / "templates" / "handout"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can name
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)\)")

Files = dict[str, bytes]


@dataclass(frozen=True)
class Handout:
    """Its files by name, and the parts in which there is something to earn."""

    files: Files
    open_parts: tuple[str, ...]
    secret_lines: frozenset[str] = field(repr=False)


# What is in it


def collect(root: Path, names: Sequence[str], finished: Sequence[str] = (), github: float | None = None) -> Handout:
    """Every file of a handout of these parts and of those that they import.

    Raises HandoutError for a part that is not there, or is to be both finished and written.
    """
    chosen, given = _parts(root, names), _parts(root, finished)
    if both := [part.short_name for part in chosen if part in given]:
        raise HandoutError(f"--with-reference must name other parts than those to be written; got {', '.join(both)}.")
    parts = _with_what_they_import(root, chosen)
    if spare := [part.short_name for part in given if part not in parts]:
        needed = ", ".join(part.short_name for part in parts if part not in chosen) or "none"
        raise HandoutError(
            f"--with-reference must name parts that the others import: {needed}; got {', '.join(spare)}."
        )
    files = {name: (root / name).read_bytes() for name in _tracked(root) if _travels(name, parts)}
    for part in given:
        files |= {f"{part.name}/{file}": finished_text(part, file).encode() for file in part.files}
    files |= _instructions(parts, chosen, given, github) | _walk_throughs(root, chosen)
    files = {name: _unlinked(name, content, files) for name, content in files.items()}
    stubs = {f"{part.name}/{file}" for part in parts if part not in given for file in part.files}
    stubs |= {name for name in files if name.endswith(".ipynb")}  # what a learner writes in
    modules = {name: files[name] for name in files if PurePosixPath(name).match("part*/*.py")}
    probes = {name: files[name] for name in files if PurePosixPath(name).match("part*/tests/probe_*.py")}
    files[MODULES] = zipped(modules | probes | {n: files[n] for n in files if n.endswith("/tests/__init__.py")})
    manifest = Manifest(
        version=tomllib.loads(files["pyproject.toml"].decode())["project"]["version"],
        commit=_commit(root),
        parts=[part.name for part in chosen],
        finished=[part.name for part in given],
        files={name: digest(files[name]) for name in sorted(files.keys() - stubs)},
        stubs={name: digest(files[name]) for name in sorted(stubs)},
        github=github,
    )
    files[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
    secret = frozenset(_secret_lines([part for part in find_parts(root) if part not in given], files))
    return Handout(dict(sorted(files.items())), tuple(part.name for part in parts if part not in given), secret)


def finished_text(part: Part, file: str) -> str:
    """A reference file without the marks of its regions."""
    source = (part.folder / "solution" / file).read_text(encoding="utf-8")
    marks = {line for region in regions(source, file) for line in (region.first_line, region.last_line)}
    return "\n".join(line for number, line in enumerate(source.split("\n"), start=1) if number not in marks)


def _parts(root: Path, names: Sequence[str]) -> list[Part]:
    if "all" in names:
        return find_parts(root)
    found = list({part.name: part for part in (find_part(name, root) for name in names)}.values())
    return sorted(found, key=lambda part: part.number)


def _with_what_they_import(root: Path, chosen: Sequence[Part]) -> list[Part]:
    """These parts, and every part that a file of theirs which travels imports, in order."""
    known = {part.name: part for part in find_parts(root)}
    found: list[Part] = []
    waiting = list(chosen)
    while waiting:
        part = waiting.pop()
        if part not in found:
            found.append(part)
            names = {name.partition(".")[0] for path in part.folder.glob("*.py") for name in _imported(path)}
            waiting += [known[name] for name in sorted(names) if name in known]
    return sorted(found, key=lambda part: part.number)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _tracked(root: Path) -> list[str]:
    """The files that git keeps here, so that nothing of a person's own travels."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
    names = listed.stdout.decode().split("\0") if listed.returncode == 0 else []
    names = [name for name in names if name and (root / name).is_file()]
    if not names:
        raise HandoutError(
            f"{root} must be a clone, so that git knows what belongs to the course; got no files of git."
        )
    return names


def _travels(name: str, parts: Sequence[Part]) -> bool:
    room, _, inside = name.partition("/")
    if room == "autograder":
        if inside.startswith("authoring/"):
            return inside.removeprefix("authoring/") in AUTHORING
        return not name.startswith(STAYS)
    if room in {part.name for part in parts}:
        return not inside.startswith(PART_STAYS)
    return name in (*TOP, LOOK)


def _instructions(parts: Sequence[Part], chosen: Sequence[Part], given: Sequence[Part], github: float | None) -> Files:
    """Write what is this handout's own: its README, and what GitHub reads."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined, block_start_string="<%", block_end_string="%>",
        variable_start_string="<<", variable_end_string=">>",
    )  # fmt: skip
    made = {"README.md": "README.md"}
    if github is not None:
        made |= {".github/workflows/grade.yml": "grade.yml", ".devcontainer/devcontainer.json": "devcontainer.json"}
    values = {"parts": parts, "chosen": chosen, "given": given, "points": github}
    return {name: templates.get_template(template).render(values).encode() for name, template in made.items()}


def _walk_throughs(root: Path, chosen: Sequence[Part]) -> Files:
    """The notebooks of these parts, without outputs."""
    scripts = [root / "notebooks" / f"{part.short_name}.py" for part in chosen]
    scripts = [script for script in scripts if script.exists()]
    if not scripts:
        return {}
    try:
        from autograder.authoring.notebooks import read, text
    except ImportError as error:
        raise HandoutError(
            f"{error}; notebooks travel too. Run: python autograder/run.py --install notebooks"
        ) from None
    return {f"notebooks/{script.stem}.ipynb": text(read(script)).encode() for script in scripts}


def _unlinked(name: str, content: bytes, files: Mapping[str, bytes]) -> bytes:
    """Markdown in which a link to what stays at home is its text."""
    if not name.endswith(".md"):
        return content

    def kept(link: re.Match[str]) -> str:
        return link[0] if link["image"] or _resolves(name, link["target"], files) else link["text"]

    return _LINK.sub(kept, content.decode()).encode()


def _resolves(name: str, target: str, files: Iterable[str]) -> bool:
    if re.match(r"[a-z]+:|#", target):
        return True
    path = os.path.normpath(PurePosixPath(name).parent / target.partition("#")[0]).replace("\\", "/")
    return any(other == path or other.startswith(f"{path}/") for other in files)


def _commit(root: Path) -> str:
    """The commit; a + after it says that files differ from it."""
    head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=root, capture_output=True, check=False)
    changed = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=root, capture_output=True, check=False)
    return head.stdout.decode().strip() + "+" * bool(changed.stdout)


def _secret_lines(parts: Sequence[Part], files: Mapping[str, bytes]) -> Iterator[str]:
    """The lines of at least 20 characters that stand in regions, and nowhere outside of one."""
    inside: set[str] = set()
    outside: set[str] = set()
    for part in parts:
        for path in sorted((part.folder / "solution").glob("*.py")):
            lines = path.read_text(encoding="utf-8").split("\n")
            spans = [(region.first_line, region.last_line) for region in regions("\n".join(lines), path.name)]
            for number, line in enumerate(lines, start=1):
                is_inside = any(first < number < last for first, last in spans)
                (inside if is_inside else outside).add(line.strip())
    given = {line.strip() for name, content in files.items() if PurePosixPath(name).match("part*/*.py")
             for line in content.decode().split("\n")}  # fmt: skip
    yield from (line for line in inside - outside - given if len(line) >= 20)


# Writing


def write(root: Path, handout: Handout, target: Path, tell: Callable[[str], object] = lambda part: None) -> None:
    """Write a folder or, where its name ends with .zip, a zip, after it has been tried.

    Raises HandoutError, with nothing written, for a place inside this repository, for a folder that is not empty or a
    file that is there, and for a handout that holds an answer or does not score 0.
    """
    target = target.absolute()
    if target.resolve().is_relative_to(root.resolve()):
        raise HandoutError(f"--to must lie outside of the repository {root}; got {target}.")
    if target.exists() and not (target.is_dir() and target.suffix != ".zip" and not any(target.iterdir())):
        raise HandoutError(f"--to must name an empty folder, or what is not there yet; got {target}.")
    if not target.parent.is_dir():
        raise HandoutError(f"--to must lie in an existing folder; got {target}.")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as beside:
        folder = Path(beside, target.stem)
        unpack(handout.files, folder)
        check(handout, folder, tell)
        shutil.rmtree(folder)  # and what trying it has left
        if target.suffix == ".zip":
            write_whole(target, zipped({f"{target.stem}/{name}": content for name, content in handout.files.items()}))
        else:
            unpack(handout.files, folder)
            if target.exists():
                target.rmdir()
            folder.rename(target)


def unpack(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder whole, in place of what was there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside:
        unpack(files, Path(beside, "new"))
        if folder.exists():
            folder.rename(Path(beside, "old"))
        Path(beside, "new").rename(folder)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files that is the same whenever and wherever it is made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system, member.external_attr = 3, 0o644 << 16  # as if made on Unix
            archive.writestr(member, files[name], zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


# Checking


def check(handout: Handout, folder: Path, tell: Callable[[str], object] = lambda part: None) -> None:
    """Raise HandoutError with everything that is wrong with an unpacked handout."""
    problems = [
        f"{name} links to {link['target']}, which is not in the handout."
        for name, content in handout.files.items()
        if name.endswith(".md")
        for link in _LINK.finditer(content.decode())
        if not _resolves(name, link["target"], handout.files)
    ]
    problems += leaks(handout.files, handout.secret_lines)
    problems = problems or list(_scores(handout, folder, tell))
    if problems:
        raise HandoutError("\n".join(problems) + "\nNothing was written.")


def _scores(handout: Handout, folder: Path, tell: Callable[[str], object]) -> Iterator[str]:
    """Say what is wrong with the scores: the stubs of a handout earn nothing, and fail in no other way."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SFRATORCH", "PYTHON"))}
    environment |= {"SFRATORCH_NO_BOOTSTRAP": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    for part in handout.open_parts:
        tell(part)
        record = folder.parent / "record.json"
        options = ["--json", str(record), "--seed", "0", "--examples", "2"]
        command = [sys.executable, str(folder / "autograder" / "run.py"), part, *options]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).decode(errors="replace")
            yield f"{part} must be gradable in the handout; got\n{said}"
        elif (points := json.loads(record.read_bytes())["points"]) != 0:
            yield f"{part} must score 0 as it is handed out; got {points} points."
