"""Mutants of the references: how they are made, and that the tests of each part kill them."""

from __future__ import annotations

import ast

import pytest

from autograder.authoring.mutants import COUNT, EXAMPLES, SEED, Mutant, drawn, equal_mutants, mutants, survives
from autograder.judge.collection import collect
from autograder.judge.exercises import Part
from autograder.tests.test_exercises import every_reference

MUST_BE_KILLED = 0.97

SOURCE = '''\
def outside(x):
    return x + 1


def inside(x, flag: bool | None = True) -> bool | None:
    """Not 1 + 1."""
    ### BEGIN SOLUTION toy.inside: as it says
    if x is None:
        raise ValueError(f"x must be {1 + 1}; got {x}.")
    x += 2 * (
        x - 1.5
    )
    return -x if flag else x @ x[1:]
    ### END SOLUTION
'''


def test_every_small_change_is_made_inside_the_region_and_nowhere_else() -> None:
    made = [(mutant.before, mutant.after) for mutant in mutants(SOURCE, "toy.py")]
    of_the_return = [after for before, after in made if before.startswith("return")]
    assert made[:4] == [
        ("if x is None:", "if True:"),
        ("if x is None:", "if False:"),
        ("if x is None:", "if (x is not None):"),
        ("x += 2 * (", "x = 2 * (x - 1.5)"),
    ]
    assert "x -= 2 * (x - 1.5)" in {after for _, after in made}
    assert of_the_return == [
        "return -x if True else x @ x[1:]",
        "return -x if False else x @ x[1:]",
        "return x if flag else x @ x[1:]",
        "return -x if flag else (x * x[1:])",
        "return -x if flag else x @ x[2:]",
    ]
    assert len({mutant.source for mutant in mutants(SOURCE, "toy.py")}) == len(made)


@every_reference
def test_every_mutant_is_python_and_differs(part: Part) -> None:
    every = drawn(part, count=10**6)
    assert len(every) >= COUNT
    for mutant in every:
        reference = (part.folder / "solution" / mutant.file).read_text(encoding="utf-8")
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(reference)), mutant.key
    assert drawn(part) == drawn(part)
    assert drawn(part) != drawn(part, seed=SEED + 1)


@every_reference
def test_what_is_listed_as_equal_is_a_mutant_with_a_reason(part: Part) -> None:
    keys = {mutant.key for mutant in drawn(part, count=10**6)}
    assert [key for key in equal_mutants(part) if key not in keys] == []
    assert all(len(reason.split()) >= 4 for reason in equal_mutants(part).values())


@pytest.mark.slow
@every_reference
def test_nearly_every_mutant_is_killed(part: Part) -> None:
    """A survivor either means the same as the reference and is listed with the reason, or shows a missing test."""
    collection = collect(part, SEED, EXAMPLES)
    told_apart = [mutant for mutant in drawn(part) if mutant.key not in equal_mutants(part)]
    survivors: list[Mutant] = [mutant for mutant in told_apart if survives(mutant, collection)]
    assert len(survivors) <= (1 - MUST_BE_KILLED) * len(told_apart), [mutant.key for mutant in survivors]
