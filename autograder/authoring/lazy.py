"""Answers that took no thought, and right ones that were rounded: what each earns in every part.

python -m autograder.authoring.lazy [part2 ...]
"""

from __future__ import annotations

import ast
from typing import Annotated

import typer
from rich.progress import track
from rich.table import Table

from autograder.authoring.stubs import generate_stub
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import Collection, collect
from autograder.judge.exercises import Part, find_part, find_parts
from autograder.judge.grading import grade
from autograder.judge.staging import make_stage
from autograder.judge.submission import Submission
from autograder.scripts.showing import plain_console

SEED = 7
# What stands where a stub raises: {first} is the first argument, {rest} are the others.
LAZY = {
    "None": "return None",
    "zero": "return 0",
    "the first argument": "return {first}",
    "zeros": "return {first} * 0",
    "ones": "return {first} * 0 + 1",
    "NaN": "return {first} * float('nan')",
    "noise": "return {first} * __import__('random').random()",
    "zeros for every input": "return tuple(each * 0 for each in ({rest}))",
    "ones for every input": "return tuple(each * 0 + 1 for each in ({rest}))",
    "the gradient for every input": "return tuple({first} for _ in ({rest}))",
    "every input": "return ({rest})",
    "always a ValueError": "raise ValueError('no')",
}
ROUNDED = "right, but rounded to float32"
# Appended to every file of the reference; without an import, which the part might not allow.
_ROUNDING = """

def _rounded(value):
    if type(value) in (tuple, list):
        return type(value)(_rounded(each) for each in value)
    if hasattr(value, "_replace"):  # a NamedTuple
        return type(value)(*(_rounded(each) for each in value))
    if type(value) is dict:
        return {name: _rounded(each) for name, each in value.items()}
    kind = str(getattr(value, "dtype", ""))
    if kind == "float64":
        return value.astype("float32").astype("float64")
    return value.float().double() if kind == "torch.float64" else value


def _rounding(function):
    def rounding(*args, **options):
        return _rounded(function(*args, **options))
    return rounding


for _name, _value in list(globals().items()):
    if getattr(_value, "__module__", "") != __name__ or _name.startswith("_"):
        continue
    if not isinstance(_value, type):
        globals()[_name] = _rounding(_value)
        continue
    for _method, _function in list(vars(_value).items()):
        if _method.startswith("_") and _method != "__call__":
            continue
        if type(_function) is type(_rounding):
            setattr(_value, _method, _rounding(_function))
        elif type(_function) is classmethod:
            setattr(_value, _method, classmethod(_rounding(_function.__func__)))
"""


def lazy_files(part: Part, answer: str) -> dict[str, str]:
    """The stubs with this answer in every place that is to be written; or the reference, whose answers are rounded."""
    solution = {file: (part.folder / "solution" / file).read_text(encoding="utf-8") for file in part.files}
    if answer == ROUNDED:
        return {file: source + _ROUNDING for file, source in solution.items()}
    trees = {file: ast.parse(generate_stub(source, part.name)) for file, source in solution.items()}
    return {file: ast.unparse(_Lazy(LAZY[answer]).visit(tree)) for file, tree in trees.items()}


class _Lazy(ast.NodeTransformer):
    """Puts a statement where a stub raises."""

    def __init__(self, statement: str) -> None:
        self._statement = statement
        self._functions: list[ast.FunctionDef] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._functions.append(node)
        self.generic_visit(node)
        self._functions.pop()
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if node.exc is None or "NotImplementedError" not in ast.unparse(node.exc):
            return node
        function = self._functions[-1]
        names = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")] or ["None"]
        if function.name.startswith("__init"):
            return ast.parse("return None").body[0]
        rest = "".join(f"{name}, " for name in names[1:] or names)
        return ast.parse(self._statement.format(first=names[0], rest=rest)).body[0]


def main(parts: Annotated[list[str] | None, typer.Argument(help="The parts; all by default.")] = None) -> None:
    """Print what each answer earns, by part."""
    chosen = [find_part(part) for part in parts] if parts else find_parts()
    collections = {part.short_name: collect(part, SEED) for part in chosen}
    table = Table("answer", *collections, box=None)
    for answer in track([*LAZY, ROUNDED], "lazy answers"):
        table.add_row(answer, *(f"{_points(collection, answer):.1f}" for collection in collections.values()))
    plain_console().print(table)


def _points(collection: Collection, answer: str) -> float:
    part = collection.part
    files = {file: source.encode() for file, source in lazy_files(part, answer).items()}
    with WorkerCandidate(part, make_stage(part, Submission(answer, {part.name: {**files}}))) as candidate:
        return grade(collection, candidate, answer, shrinks=False, diagnoses=False).points


if __name__ == "__main__":
    typer.run(main)
