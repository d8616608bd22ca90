"""The learner's text of an exercise beside the reference's."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rich.console import Console
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table

from autograder.authoring.regions import regions
from autograder.judge.exercises import Exercise, Part
from autograder.judge.failures import CannotGrade

SIDE_BY_SIDE = 120  # columns, from which two texts stand side by side


def show(console: Console, part: Part, exercise: Exercise) -> None:
    """Print every function of the exercise twice. Raises CannotGrade where there is no reference, or no function."""
    reference = part.folder / "solution" / exercise.file
    if not reference.is_file():
        raise CannotGrade(f"--compare must find {part.name}/solution/{exercise.file}; a handout does not hold it.")
    theirs = reference.read_text(encoding="utf-8")
    try:
        own = (part.folder / exercise.file).read_text(encoding="utf-8")
        own_functions = dict(_functions(own))
    except (OSError, SyntaxError, ValueError) as error:
        raise CannotGrade(f"{part.name}/{exercise.file} must be valid Python; got {error}.") from None
    reference_functions = dict(_functions(theirs))
    for region in regions(theirs, exercise.file):
        if region.label_id == exercise.id:
            console.print(Rule(f"{region.function} in {part.name}/{exercise.file}"))
            _show_pair(
                console,
                own_functions.get(region.function, "# there is no such function"),
                _without_marks(reference_functions[region.function]),
            )


def _functions(source: str) -> Iterator[tuple[str, str]]:
    """Every function by its name (`Class.method`), with its text."""

    def within(node: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{prefix}{inner.name}", ast.get_source_segment(source, inner, padded=True) or ""
            if isinstance(inner, ast.ClassDef):
                yield from within(inner, f"{prefix}{inner.name}.")

    return within(ast.parse(source), "")


def _without_marks(source: str) -> str:
    return "\n".join(line for line in source.split("\n") if not line.lstrip().startswith("### "))


def _show_pair(console: Console, own: str, theirs: str) -> None:
    """Side by side where there is room, else one below the other."""
    names = ("yours", "the reference")
    options = {"theme": "ansi_dark", "background_color": "default", "word_wrap": True}
    texts = [Syntax(text, "python", **options) for text in (own, theirs)]  # type: ignore[arg-type]
    if console.width < SIDE_BY_SIDE:
        for name, text in zip(names, texts, strict=True):
            console.print(name, text, sep="\n")
        return
    grid = Table.grid(padding=(0, 2), expand=True)
    for _ in names:
        grid.add_column(ratio=1)
    grid.add_row(*names, style="bold")
    grid.add_row(*texts)
    console.print(grid)
