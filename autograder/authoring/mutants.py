"""Mutants: the reference with one small change inside a region. A test must see each, as it must see a learner's slip.

    python -m autograder.authoring.mutants part2 [--count 60] [--seed 7]

An operator, a comparison, a constant, the outcome of a condition, or an assignment is changed.  What raises or is text
is left alone.  A mutant that no test kills either shows a test that is missing, or means the same as the reference;
then it stands in the part's `checks/equal_mutants.py`, with the reason.
"""

from __future__ import annotations

import ast
import copy
import importlib
import importlib.util
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.progress import track

from autograder.authoring.regions import regions
from autograder.judge.attempt import attempt
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import Collection, collect
from autograder.judge.exercises import Part, find_part
from autograder.judge.staging import make_stage
from autograder.judge.submission import Submission

COUNT, SEED, EXAMPLES = 60, 7, 30
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: where, what stood there and what stands there now, and the whole file with it."""

    file: str
    exercise: str
    line: int
    before: str
    after: str
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Its name, as long as its line reads as it does: the file, the line, and the line with the change."""
        return self.file, self.before, self.after


def mutants(source: str, file: str) -> Iterator[Mutant]:
    """Every mutant of a solution file, in the order of its lines."""
    found = regions(source, file)
    for node in _changeable(ast.parse(source)):
        region = next((one for one in found if one.first_line < node.lineno < one.last_line), None)
        if region is None:
            continue
        for old, new in _changes(node):
            is_whole = isinstance(new, ast.stmt | ast.Constant | ast.Name)
            mutated = _with_text(source, old, ast.unparse(new) if is_whole else f"({ast.unparse(new)})")
            exercise = ".".join(region.label_id.split(".")[:2])
            before, after = (text.splitlines()[node.lineno - 1].strip() for text in (source, mutated))
            yield Mutant(file, exercise, node.lineno, before, after, mutated)


def drawn(part: Part, count: int = COUNT, seed: int = SEED) -> list[Mutant]:
    """So many of a part's mutants, drawn by seed."""
    every = [
        mutant
        for file in part.files
        for mutant in mutants((part.folder / "solution" / file).read_text(encoding="utf-8"), file)
    ]
    chosen = random.Random(seed).sample(range(len(every)), min(count, len(every)))
    return [every[position] for position in sorted(chosen)]


def survives(mutant: Mutant, collection: Collection) -> bool:
    """Tell whether every test passes on the reference with this change; its own exercise's tests are asked first."""
    part = collection.part
    files = {file: (part.folder / "solution" / file).read_bytes() for file in part.files}
    files[mutant.file] = mutant.source.encode()
    submission = Submission("mutant", {part.name: {**files}})
    of_file = {exercise.id for exercise in part.exercises if exercise.file == mutant.file}
    tests = sorted(collection.tests, key=lambda test: (test.exercise != mutant.exercise, test.exercise not in of_file))
    with WorkerCandidate(part, make_stage(part, submission)) as candidate:
        for test in tests:
            for problem in collection.problems[test.id]:
                made = attempt(test.body, candidate, problem)
                if made.fault is not None:
                    raise made.fault
                if made.failure is not None:
                    return False
    return True


def equal_mutants(part: Part) -> Mapping[tuple[str, str, str], str]:
    """Those of a part that mean the same as the reference: key → reason."""
    name = f"{part.name}.checks.equal_mutants"
    return importlib.import_module(name).EQUAL if importlib.util.find_spec(name) else {}


def _changeable(tree: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """List what may be changed: not what is raised, nor text, nor annotations."""
    for child in tree.body if isinstance(tree, ast.FunctionDef) else ast.iter_child_nodes(tree):
        if isinstance(child, ast.Raise | ast.JoinedStr | ast.AnnAssign):
            continue
        if isinstance(child, ast.expr | ast.stmt):
            yield child
        yield from _changeable(child)


def _changes(node: ast.expr | ast.stmt) -> Iterator[tuple[ast.expr | ast.stmt, ast.AST]]:
    """List what may stand in the place of a node, or of its condition."""
    match node:
        case ast.BinOp(op=op) if type(op) in _OPERATORS:
            yield node, _with(node, op=_OPERATORS[type(op)]())
        case ast.AugAssign(target=target, op=op, value=value):
            yield node, ast.Assign([target], value, lineno=node.lineno)
            if type(op) in _OPERATORS:
                yield node, _with(node, op=_OPERATORS[type(op)]())
        case ast.Compare(ops=[op]):
            yield node, _with(node, ops=[_COMPARISONS[type(op)]()])
        case ast.BoolOp(op=op):
            yield node, _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield node, operand
        case ast.If(test=test) | ast.IfExp(test=test):
            yield from ((test, ast.Constant(outcome)) for outcome in (True, False))
        case ast.While(test=test):
            yield test, ast.Constant(False)
        case ast.Constant(value=bool(value)):
            yield node, ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield node, ast.Constant(value + 1)


def _with(node: ast.AST, **changes: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


def _with_text(source: str, node: ast.expr | ast.stmt, text: str) -> str:
    """The source with this in the place of the node."""
    lines = source.encode().split(b"\n")
    assert node.end_lineno is not None
    before, after = lines[node.lineno - 1][: node.col_offset], lines[node.end_lineno - 1][node.end_col_offset :]
    lines[node.lineno - 1 : node.end_lineno] = [before + text.encode() + after]
    return b"\n".join(lines).decode()


def main(
    part: Annotated[str, typer.Argument(help="The part, such as part2.")],
    count: Annotated[int, typer.Option(help="How many mutants to draw.")] = COUNT,
    seed: Annotated[int, typer.Option(help="What they and the problems are drawn with.")] = SEED,
) -> None:
    """Draw mutants of a part's reference and say which of them no test kills."""
    chosen = find_part(part)
    collection = collect(chosen, seed, EXAMPLES)
    equal, all_of_them = equal_mutants(chosen), drawn(chosen, count, seed)
    told_apart = [mutant for mutant in all_of_them if mutant.key not in equal]
    killed = 0
    for mutant in track(told_apart, "mutants"):
        if survives(mutant, collection):
            print(f"{mutant.file}:{mutant.line}  {mutant.exercise}\n    {mutant.before}\n    {mutant.after}")
        else:
            killed += 1
    print(f"{chosen.name}: {killed} of {len(told_apart)} killed; {len(all_of_them) - len(told_apart)} equal")


if __name__ == "__main__":
    typer.run(main)
