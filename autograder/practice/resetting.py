"""Put an exercise back to its stub, and keep what was there."""

from __future__ import annotations

import itertools
import subprocess
import time
from pathlib import Path

from autograder.atomic_files import write_whole
from autograder.authoring.stubs import generate_stub, reset_region
from autograder.judge.exercises import ROOT, Exercise, Part
from autograder.judge.failures import CannotGrade
from autograder.judge.handed_out import module_as_given
from autograder.practice.progress import FOLDER


def reset(part: Part, exercise: Exercise) -> None:
    """Put an exercise's functions back to what the stub says, and keep the old file."""
    path = part.folder / exercise.file
    try:
        source = path.read_bytes().decode("utf-8")
        restored = reset_region(source, _stub(part, exercise.file), exercise.id, f"{part.name}/{exercise.file}")
    except (OSError, ValueError) as error:
        raise CannotGrade(str(error)) from None
    if restored == source:
        print(f"{exercise.id} is as it was handed out; nothing to do.")
        return
    kept = _keep(path).relative_to(ROOT)
    write_whole(path, restored.encode("utf-8"))
    print(f"{exercise.id} in {part.name}/{exercise.file} is as it was handed out; what you had is kept in {kept}.")


def _stub(part: Part, file: str) -> str:
    """The stub of an exercise file: generated where the reference is here, else as handed out, else as committed."""
    reference = part.folder / "solution" / file
    if reference.is_file():
        return generate_stub(reference.read_text(encoding="utf-8"), part.name)
    if (stub := module_as_given(f"{part.name}/{file}")) is not None:
        return stub.decode("utf-8")
    shown = subprocess.run(["git", "show", f"HEAD:./{part.name}/{file}"], cwd=ROOT, capture_output=True, check=False)
    if shown.returncode != 0:
        raise CannotGrade(
            f"--reset must find the stub of {part.name}/{file}; neither the reference nor git has it. "
            "Take it from the handout."
        )
    return shown.stdout.decode("utf-8")


def _keep(path: Path) -> Path:
    folder = ROOT / FOLDER / "kept" / path.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    moment = time.strftime("%Y-%m-%d-%H%M%S")
    names = (f"{moment}-{number}-{path.name}" for number in itertools.count(1))  # two resets may share a second
    kept = next(folder / name for name in names if not (folder / name).exists())
    write_whole(kept, path.read_bytes())
    return kept
