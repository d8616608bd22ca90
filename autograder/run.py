"""Grade a part: `python autograder/run.py part1`.  The first run sets everything up; `--help` tells the rest."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # this clone, not another one that is installed

from autograder.bootstrap import ensure_environment, install_extra  # noqa: E402

if __name__ == "__main__":
    after_install = sys.argv[sys.argv.index("--install") + 1 :] if "--install" in sys.argv else []
    ensure_environment(extra="".join(after_install[:1]))

from typing import Annotated, Literal  # noqa: E402

import typer  # noqa: E402

from autograder import commands  # noqa: E402
from autograder.judge.failures import CannotGrade  # noqa: E402
from autograder.practice.packing import DEFAULT_ZIP  # noqa: E402

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
# What an option without its value means: `--pack` alone, `--self-test` alone.
DEFAULT_VALUES = {"--pack": DEFAULT_ZIP, "--self-test": "quick"}

MAP = "map"
PartName = Annotated[
    str | None, typer.Argument(metavar="PART", help="part1, part1_autograd, …, all, or map.", show_default=False)
]


@app.command()
def run(
    part: PartName = None,
    exercise: Annotated[
        list[str] | None, typer.Option("-e", "--exercise", help="Only this exercise, or these.")
    ] = None,
    solution: Annotated[
        bool, typer.Option("--solution", help="Grade the reference instead of the files in place.")
    ] = False,
    submission: Annotated[
        Path | None, typer.Option(help="Grade a folder or zip that holds partN_name/<module>.py.")
    ] = None,
    upstream: Annotated[
        Literal["reference", "own"], typer.Option(help="Whose earlier parts this part builds on.")
    ] = "reference",
    seed: Annotated[
        int | None, typer.Option(help="Seed of the problems; a new one in every run otherwise.", min=0, max=2**63 - 1)
    ] = None,
    examples: Annotated[int | None, typer.Option(help="Problems drawn for each test.", min=1, max=100_000)] = None,
    profile: Annotated[
        Literal["learner", "grading"] | None, typer.Option(help="How many problems: 30 a test, or 100 as in grading.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run again what passed before.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Grade again after every save what it can change.")] = False,
    hint: Annotated[str | None, typer.Option(metavar="EXERCISE", help="Show the next hint.")] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="EXERCISE", help="Show your text and the reference's side by side.")
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Run in this process, so that breakpoint() works. Gives no score.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Write the result record here.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with pictures here.")] = None,
    gradescope: Annotated[Path | None, typer.Option(help="Write Gradescope's results.json here.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit's XML here.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table here, as Markdown.")] = None,
    fail_under: Annotated[float | None, typer.Option(help="Exit with 1 below this many points.")] = None,
    pack: Annotated[
        str | None, typer.Option(metavar="[ZIP]", help="Write the zip to hand in (partN_name.zip).")
    ] = None,
    reset: Annotated[
        str | None, typer.Option(metavar="EXERCISE", help="Put an exercise back to its stub; the old file is kept.")
    ] = None,
    self_test: Annotated[str | None, typer.Option(metavar="[full]", help="Run the repository's own tests.")] = None,
    install: Annotated[
        str | None, typer.Option(metavar="EXTRA", help="Install train, notebooks, classroom, peers, dev or cuda.")
    ] = None,
) -> None:
    """Grade a part of the course; alone, or with map, show how far you are.

    Exit code 0: graded; 1: below --fail-under; 2: could not grade."""
    if install is not None:
        raise typer.Exit(install_extra(install))
    if self_test is not None:
        raise typer.Exit(commands.self_test(self_test))
    if part is None:
        raise CannotGrade(f"PART must be given: {commands.part_names()}, all or map; --help shows every option.")
    if part == MAP:
        raise typer.Exit(commands.show_map())
    for exercise_id, do in ((hint, commands.hint), (compare, commands.compare), (reset, commands.reset_exercise)):
        if exercise_id is not None:
            raise typer.Exit(do(part, exercise_id))
    choice = commands.Choice(
        part=part,
        exercises=tuple(exercise or ()),
        solution=solution,
        submission=submission,
        upstream=upstream,
        seed=seed,
        examples=examples,
        profile=profile,
        fresh=fresh,
        json=json,
        html=html,
        gradescope=gradescope,
        junit=junit,
        markdown=markdown,
        fail_under=fail_under,
        pack=pack,
    )
    do_with = commands.debug if debug else commands.watch if watch else commands.grade_parts
    raise typer.Exit(do_with(choice))


if __name__ == "__main__":
    sys.exit(commands.start(app, sys.argv[1:] or [MAP], DEFAULT_VALUES))
