"""A learner's folder is brought up to date: tests, hints and grader change, and nothing that the learner wrote.

The newer handout is a clone of the course, or another handout that is unpacked beside it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from autograder.atomic_files import write_whole
from autograder.authoring.stub_files import HandoutError
from autograder.judge.handed_out import MANIFEST, Manifest, digest, read_manifest

KEPT = ".sfratorch/kept"


@dataclass
class Update:
    """The result of an update, by name of the file."""

    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(
        default_factory=dict
    )  # files of ours that were changed, and where the old ones are now
    left: list[str] = field(default_factory=list)  # the learner's, whose stubs are others now


def update(folder: Path, files: Mapping[str, bytes]) -> Update:
    """Put the files of a newer handout of the same parts into a learner's folder.

    An exercise file is replaced only where it still is the old stub.  What was changed in files of ours is kept in
    `.sfratorch/kept/`.  The manifest comes last, so that an update which was broken off can be made again.
    """
    old = manifest_of(folder)
    for name in (KEPT, *files, *old.files):
        if not (folder / name).parent.resolve().is_relative_to(folder.resolve()):
            raise HandoutError(f"--update must be given a folder without links to others; {name} lies outside of it.")
    done = Update()
    beside = folder / KEPT / time.strftime("%Y-%m-%d-%H%M%S")
    learners = old.stubs.keys() | msgspec.json.decode(files[MANIFEST], type=Manifest).stubs.keys()
    for name, content in files.items():
        path = folder / name
        now = digest(path.read_bytes()) if path.is_file() else ""
        if now == digest(content) or name == MANIFEST:
            continue
        if name in learners and now not in ("", old.stubs.get(name)):
            if old.stubs.get(name) != digest(content):
                done.left.append(name)
            continue
        if now not in ("", old.files.get(name), old.stubs.get(name)):
            done.kept[name] = _keep(path, beside / name, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
        done.written.append(name)
    for name in old.files.keys() - files.keys():
        path = folder / name
        if path.is_file():
            if digest(path.read_bytes()) != old.files[name]:
                done.kept[name] = _keep(path, beside / name, folder)
            path.unlink()
            done.removed.append(name)
    write_whole(folder / MANIFEST, files[MANIFEST])
    return done


def manifest_of(folder: Path) -> Manifest:
    """Raises HandoutError for a folder that is no handout."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise HandoutError(f"--update must be given the folder of a handout, which holds {MANIFEST}; got {folder}.")
    return manifest


def files_of(root: Path, manifest: Manifest) -> dict[str, bytes]:
    """The files of the handout that this program came in, as they were handed out.

    Raises HandoutError where one of ours has been changed, or where the parts are others.
    """
    own = manifest_of(root)
    if (own.parts, own.finished) != (manifest.parts, manifest.finished):
        raise HandoutError(
            f"--update must be made with a handout of {_named(manifest)}; got one of {_named(own)}. "
            "Take the one that was meant."
        )
    files = {name: (root / name).read_bytes() for name in (*own.files, *own.stubs, MANIFEST)}
    changed = [name for name, sha in (own.files | own.stubs).items() if digest(files[name]) != sha]
    if changed:
        raise HandoutError(
            f"--update must be made with a handout as it was unpacked; {changed[0]} has been changed. Unpack it anew."
        )
    return files


def _named(manifest: Manifest) -> str:
    finished = f" with {', '.join(manifest.finished)} finished" if manifest.finished else ""
    return ", ".join(manifest.parts) + finished


def _keep(path: Path, beside: Path, folder: Path) -> str:
    beside.parent.mkdir(parents=True, exist_ok=True)
    write_whole(beside, path.read_bytes())
    return beside.relative_to(folder).as_posix()
