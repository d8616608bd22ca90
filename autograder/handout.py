"""Stubs and new exercises, for those who write parts: `python autograder/handout.py --help`."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # this clone, not another one that is installed

from autograder.bootstrap import ensure_environment  # noqa: E402

if __name__ == "__main__":
    ensure_environment()

from typing import Annotated  # noqa: E402

import typer  # noqa: E402

from autograder.authoring.drift import HandoutError, drift, find_solutions, write_stubs  # noqa: E402
from autograder.authoring.scaffold import new_exercise  # noqa: E402
from autograder.commands import start  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
DRIFT, COULD_NOT = 1, 2

Parts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PART", show_default=False, help="part4 or part4_attention; every part where none is named."
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


def main(parts: Parts = None, write: Write = False, check: Check = False, new: New = None) -> None:
    """Make the stubs that learners open from the solutions, and begin new exercises."""
    try:
        if [write, check, new is not None].count(True) != 1:
            raise HandoutError("One of --write-stubs, --check-stubs and --new must be given; see --help.")
        if new is not None:
            _new(*new, parts or [])
        elif write:
            _write(parts or [])
        else:
            _check(parts or [])
    except (HandoutError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(COULD_NOT) from None


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
