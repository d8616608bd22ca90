"""The walk-throughs as executed notebooks and as web pages: `python notebooks/build.py --help`."""

import importlib.util
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # this clone; and notebooks/ must not shadow anything

from autograder.bootstrap import ensure_environment  # noqa: E402

if __name__ == "__main__":
    ensure_environment()

from typing import Annotated, Any  # noqa: E402

import typer  # noqa: E402

from autograder.authoring.stub_files import HandoutError  # noqa: E402
from autograder.commands import start  # noqa: E402
from autograder.scripts.showing import plain_console, progress  # noqa: E402

HERE = Path(__file__).resolve().parent
NEEDS = ("jupytext", "nbclient", "nbconvert", "ipykernel", "matplotlib")
COULD_NOT = 2

Parts = Annotated[
    list[str] | None,
    typer.Argument(metavar="PART", show_default=False, help="part1, part2, …; every part where none is named."),
]
Own = Annotated[
    bool,
    typer.Option(
        "--own",
        help="Run your own files, or what SFRATORCH_CODE names, instead of the reference; cells that fail show how.",
    ),
]
Html = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        show_default=False,
        help="Write web pages too, and an index.html that lists those just built, into DIR.",
    ),
]


Assignment = Annotated[
    bool,
    typer.Option(
        "--assignment", help="Write notebooks/source/partN/ instead: the part as an nbgrader assignment, not executed."
    ),
]


def main(parts: Parts = None, own: Own = False, html: Html = None, assignment: Assignment = False) -> None:
    """Execute the walk-throughs notebooks/partN.py, and write them with their pictures to notebooks/built/partN.ipynb.

    Nothing is written before all that were named have run to their end.
    """
    try:
        check_needs()
        if assignment:
            write_assignments(parts or [])
        else:
            build(parts or [], own, html)
    except (HandoutError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(COULD_NOT) from None


def check_needs() -> None:
    """Raise HandoutError if this Python lacks a package."""
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise HandoutError(
            f"{sys.executable} must have {', '.join(NEEDS)}; got no {', '.join(missing)}. "
            "Run: python autograder/run.py --install notebooks"
        )


def write_assignments(names: list[str]) -> None:
    """Put the named parts, or all, where `nbgrader generate_assignment` finds them."""
    from autograder.authoring import assignments, notebooks
    from autograder.authoring.handouts import replace_folder

    scripts = notebooks.find_scripts(HERE, names)
    made = {script.stem: assignments.files_of(HERE.parent, script.stem) for script in scripts}
    for name, files in made.items():
        replace_folder(HERE / "source" / name, files)
        typer.echo(f"wrote notebooks/source/{name}: {len(files)} files. Next: nbgrader generate_assignment {name}")


def build(names: list[str], own: bool, html: Path | None) -> None:
    """Run the named walk-throughs, or all, then write them."""
    from autograder.authoring import notebooks

    scripts = notebooks.find_scripts(HERE, names)
    if html is not None and html.exists() and not html.is_dir():
        raise HandoutError(f"--html must name a folder; got the file {html}. Name another.")
    console = plain_console(soft_wrap=True)
    executed: dict[str, Any] = {}
    with progress(console, "notebook", len(scripts)) as show:
        for script in scripts:
            show(len(executed), script.stem)
            executed[script.stem] = notebooks.execute(script, own)
            console.print(f"ran {script.stem}: {notebooks.summary(executed[script.stem])}")
    for path in notebooks.write(executed, HERE / "built", html):
        console.print(f"wrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(main)
    sys.exit(start(app, sys.argv[1:], {}))
