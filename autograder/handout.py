"""Handouts, stubs and new exercises, for those who give and write parts: `python autograder/handout.py --help`."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # this clone, not another one that is installed

from autograder.bootstrap import ensure_environment  # noqa: E402

if __name__ == "__main__":
    ensure_environment()

from collections.abc import Sequence  # noqa: E402
from typing import Annotated  # noqa: E402

import typer  # noqa: E402

from autograder.authoring import updates  # noqa: E402
from autograder.authoring.stub_files import HandoutError, drift, find_solutions, write_stubs  # noqa: E402
from autograder.commands import start  # noqa: E402
from autograder.judge.handed_out import MANIFEST, MODULES  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
DRIFT, COULD_NOT = 1, 2

Parts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PART",
        show_default=False,
        help="part4 or part4_attention; for --to also all; for stubs every part where none is named.",
    ),
]
Write = Annotated[bool, typer.Option("--write-stubs", help="Write the stubs that are not what their solutions give.")]
Check = Annotated[bool, typer.Option("--check-stubs", help="Exit with 1 if a stub is not what its solution gives.")]
New = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--new", metavar="PART MODULE", show_default=False, help="Begin an exercise module, in a part or a new one."
    ),
]
To = Annotated[
    Path | None,
    typer.Option(metavar="DIR|ZIP", show_default=False, help="Write a handout of these parts here, after trying it."),
]
Reference = Annotated[
    list[str] | None,
    typer.Option(metavar="PART", show_default=False, help="An earlier part to hand out finished; may be given again."),
]
GitHub = Annotated[
    float | None,
    typer.Option(
        "--github",
        metavar="POINTS",
        show_default=False,
        min=0,
        help="Add a workflow that grades every push, and fails below so many points of a part, and a devcontainer.",
    ),
]
Updated = Annotated[
    Path | None,
    typer.Option(
        "--update",
        metavar="DIR",
        show_default=False,
        help="Bring a handout up to date; nothing a learner wrote changes.",
    ),
]


def main(
    parts: Parts = None,
    to: To = None,
    with_reference: Reference = None,
    github: GitHub = None,
    update: Updated = None,
    write: Write = False,
    check: Check = False,
    new: New = None,
) -> None:
    """Hand out parts without their answers, make stubs from the solutions, and begin new exercises."""
    try:
        if [to is not None, update is not None, write, check, new is not None].count(True) != 1:
            raise HandoutError(
                "One of --to, --update, --write-stubs, --check-stubs and --new must be given; see --help."
            )
        if update is None and (ROOT / MANIFEST).exists():
            raise HandoutError("Only --update works in a handout; the rest needs a clone of the course.")
        if to is None and (with_reference or github is not None):
            raise HandoutError("--with-reference and --github must be given with --to; see --help.")
        if to is not None:
            _hand_out(parts or [], to, with_reference or [], github)
        elif update is not None:
            _update(update, parts or [])
        elif new is not None:
            _new(*new, parts or [])
        elif write:
            _write(parts or [])
        else:
            _check(parts or [])
    except (HandoutError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(COULD_NOT) from None


def _hand_out(parts: list[str], to: Path, finished: list[str], github: float | None) -> None:
    from autograder.authoring.handouts import collect, write
    from autograder.scripts.showing import plain_console

    if not parts:
        raise HandoutError("PART must be given with --to, once or more; got none.")
    handout = collect(ROOT, parts, finished, github)
    with plain_console(stderr=True).status("unpacking") as status:
        write(ROOT, handout, to, lambda part: status.update(f"grading {part} as it is handed out"))
    earn = "earn" if len(handout.open_parts) > 1 else "earns"
    typer.echo(f"wrote {to}: {len(handout.files)} files; as they are, {_listed(handout.open_parts)} {earn} 0 points")


def _update(folder: Path, spare: list[str]) -> None:
    if spare:
        raise HandoutError(
            f"--update must be given without parts, which the handout names itself; got {', '.join(spare)}."
        )
    manifest = updates.manifest_of(folder)
    if (ROOT / MANIFEST).exists():
        files = updates.files_of(ROOT, manifest)
    else:
        from autograder.authoring.handouts import collect

        files = collect(ROOT, manifest.parts, manifest.finished, manifest.github).files
    done = updates.update(folder, files)
    for name, place in done.kept.items():
        typer.echo(f"{name} had been changed; what it was is kept in {place}")
    for name in done.left:
        typer.echo(f"{name} is yours and stays; its stub is another one now, see {MODULES}")
    typer.echo(f"{len(done.written)} files written, {len(done.removed)} removed; {folder} is up to date")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _write(parts: list[str]) -> None:
    solutions = find_solutions(ROOT, parts)
    written = write_stubs(solutions)
    for path in written:
        typer.echo(f"wrote {path.as_posix()}")
    if not written:
        typer.echo(_clean(len(solutions)))


def _check(parts: list[str]) -> None:
    solutions = find_solutions(ROOT, parts)
    differences = drift(solutions)
    for line in differences:
        typer.echo(line)
    if differences:
        raise typer.Exit(DRIFT)
    typer.echo(_clean(len(solutions)))


def _clean(count: int) -> str:
    return f"{count} stubs match their solutions" if count != 1 else "1 stub matches its solution"


def _new(part: str, module: str, spare: list[str]) -> None:
    if spare:
        raise HandoutError(f"--new must be given one PART and one MODULE; got {', '.join(spare)} as well.")
    from autograder.authoring.scaffold import new_exercise

    begun = new_exercise(ROOT, part, module)
    for path in begun.written:
        typer.echo(f"wrote {path.as_posix()}")
    typer.echo("Next:")
    for number, step in enumerate(begun.next_steps, start=1):
        typer.echo(f"  {number}. {step}")


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(main)
    sys.exit(start(app, sys.argv[1:], {}))
