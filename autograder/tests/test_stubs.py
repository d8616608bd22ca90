"""Stubs: what is generated, what still stands in a learner's file, and what a reset puts back."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.authoring.stubs import StubError, generate_stub, regions, reset_region, unwritten

UNHURRIED = settings(deadline=None)  # a first import of nbgrader, or a busy machine, is no failure

SOLUTION = '''\
"""Two exercises share a method, one has two functions."""

import functools


def add(a, b):
    """a + b."""
    ### BEGIN SOLUTION ops.add: a + b
    total = a + b
    return total
    ### END SOLUTION


class Buffer:
    def __init__(self):
        self.spots = {}

    @property
    def size(self):
        ### BEGIN SOLUTION buffer.size: the number of spots
        return len(self.spots)
        ### END SOLUTION

    @size.setter
    def size(self, size):
        ### BEGIN SOLUTION buffer.size: the first `size` spots stay
        self.spots = dict(list(self.spots.items())[:size])
        ### END SOLUTION

    @functools.cache
    def walk(self, release=False):
        for spot in self.spots:
            ### BEGIN SOLUTION buffer.walk: visit each spot
            self.visit(spot)
            ### END SOLUTION
            if release:
                ### BEGIN SOLUTION buffer.release: forget it
                del self.spots[spot]
                ### END SOLUTION
        return self
'''

STUB = '''\
"""Two exercises share a method, one has two functions."""

import functools


def add(a, b):
    """a + b."""
    # YOUR CODE HERE
    raise NotImplementedError("ops.add: a + b. See part7_x/README.md; SFRATORCH_CODE=solution runs the reference.")


class Buffer:
    def __init__(self):
        self.spots = {}

    @property
    def size(self):
        # YOUR CODE HERE
        raise NotImplementedError(
            "buffer.size: the number of spots. See part7_x/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @size.setter
    def size(self, size):
        # YOUR CODE HERE
        raise NotImplementedError(
            "buffer.size: the first `size` spots stay. "
            "See part7_x/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @functools.cache
    def walk(self, release=False):
        for spot in self.spots:
            # YOUR CODE HERE
            raise NotImplementedError(
                "buffer.walk: visit each spot. See part7_x/README.md; SFRATORCH_CODE=solution runs the reference."
            )
            if release:
                # YOUR CODE HERE
                raise NotImplementedError(
                    "buffer.release: forget it. See part7_x/README.md; SFRATORCH_CODE=solution runs the reference."
                )
        return self
'''


# The generator, by example


def test_a_region_becomes_one_statement_that_says_what_it_is_for() -> None:
    assert generate_stub(SOLUTION, "part7_x") == STUB


def test_a_stub_that_does_not_compile_is_an_error_at_the_solutions_line() -> None:
    source = textwrap.dedent("""
        def f():
            ### BEGIN SOLUTION a.b: c
            n = 0
            print(n)
            ### END SOLUTION

            def g():
                nonlocal n
                n += 1
    """)
    with pytest.raises(StubError, match=r"s.py:9: the generated stub must compile; got no binding for nonlocal 'n'"):
        generate_stub(source, "part7_x", "s.py")


# The generator, by property


@dataclass
class Drawn:
    """A solution, written line by line."""

    draw: st.DrawFn
    lines: list[str]
    outside: list[str | None]  # what must stay, with one None for each region
    count: int = 0

    def write(self, text: str, in_region: bool) -> None:
        self.lines.append(text)
        if not in_region:
            self.outside.append(text)

    def block(self, indent: str, depth: int, in_region: bool) -> None:
        for _ in range(self.draw(st.integers(1, 3))):
            if in_region or not self.draw(st.booleans()):
                self.statement(indent, depth, in_region)
                continue
            self.count += 1
            self.write(f"{indent}### BEGIN SOLUTION m.e{self.draw(st.integers(1, 3))}: step {self.count}", True)
            self.block(indent, depth, True)
            self.write(f"{indent}### END SOLUTION", True)
            self.outside.append(None)

    def statement(self, indent: str, depth: int, in_region: bool) -> None:
        self.count += 1
        simple = [
            "x{n} = {n}",
            "x{n} = [\n{i}    {n},\n{i}]",
            "x{n} = '''\n# {n}\n'''",
            "\n{i}# note {n}\n{i}x{n} = {n}; y{n} = 1",
        ]
        heads = ["if x{n}:", "for x{n} in range({n}):", "with x{n}:", "def f{n}():", "@x{n}\n{i}def f{n}():"]
        text = self.draw(st.sampled_from(simple if depth == 3 else simple + heads))
        for line in (indent + text.format(n=self.count, i=indent)).split("\n"):
            self.write(line, in_region)
        if text in heads:
            self.block(indent + "    ", depth + 1, in_region)
            if text.startswith("if") and self.draw(st.booleans()):
                self.write(f"{indent}else:", in_region)
                self.block(indent + "    ", depth + 1, in_region)


@st.composite
def drawn_solutions(draw: st.DrawFn) -> Drawn:
    """Functions and a method with regions anywhere in their bodies, one exercise often in several places."""
    drawn = Drawn(draw, [], [])
    for head, indent in [("def first():", "    "), ("class A:\n    def second(self):", "        ")]:
        for line in head.split("\n"):
            drawn.write(line, False)
        drawn.block(indent, 0, False)
    drawn.write("def last():", False)
    drawn.write("    ### BEGIN SOLUTION m.e1: the end", True)
    drawn.block("    ", 0, True)
    drawn.write("    ### END SOLUTION", True)
    drawn.outside.append(None)
    if draw(st.booleans()):
        drawn.write("", False)
    return drawn


def short(stub: str) -> str:
    """A stub with nbgrader's own statement for every region."""
    return re.sub(
        r"raise NotImplementedError\(.*?\)$", "raise NotImplementedError()", stub, flags=re.DOTALL | re.MULTILINE
    )


@UNHURRIED
@given(drawn_solutions())
def test_what_stands_outside_regions_stays_byte_for_byte_and_nothing_else_does(drawn: Drawn) -> None:
    source = "\n".join(drawn.lines)
    stub = generate_stub(source, "part7_x")
    ast.parse(stub)
    assert len(regions(source)) == drawn.outside.count(None)
    rest = short(stub).split("\n")
    for line in drawn.outside:
        if line is None:
            assert [rest.pop(0).strip(), rest.pop(0).strip()] == ["# YOUR CODE HERE", "raise NotImplementedError()"]
        else:
            assert rest.pop(0) == line
    assert rest == []


@UNHURRIED
@given(drawn_solutions())
def test_the_same_lines_go_as_with_nbgrader(drawn: Drawn) -> None:
    nbgrader = pytest.importorskip("nbgrader.preprocessors")
    nbformat = pytest.importorskip("nbformat")
    source = "\n".join(drawn.lines)
    cell = nbformat.v4.new_code_cell(source)
    nbgrader.ClearSolutions(enforce_metadata=False).preprocess_cell(cell, {"language": "python"}, 0)
    assert cell.source == short(generate_stub(source, "part7_x"))


SUMMARIES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60).flatmap(
    lambda word: st.lists(
        st.sampled_from([word, "x̂", "∂L/∂x", "'", '"', "\\", "Wᵀ", "{y}", "漢字", "a" * 30]), min_size=1, max_size=12
    )
)


@UNHURRIED
@given(words=SUMMARIES, depth=st.integers(0, 8))
def test_a_stub_says_its_label_whatever_is_in_it(words: list[str], depth: int) -> None:
    stub = generate_stub(labelled(" ".join(words), depth), "part7_x")
    statement = next(node for node in ast.walk(ast.parse(stub)) if isinstance(node, ast.Raise))
    assert isinstance(statement.exc, ast.Call)
    said = ast.literal_eval(statement.exc.args[0])
    label = " ".join(words).rstrip(".")
    assert said == f"m.e: {label}. See part7_x/README.md; SFRATORCH_CODE=solution runs the reference."
    assert list(unwritten(stub)) == ["m.e"]


@settings(UNHURRIED, max_examples=20)
@given(st.lists(st.tuples(SUMMARIES, st.integers(0, 8)), min_size=1, max_size=30))
def test_ruff_leaves_a_stub_as_it_is(drawn: list[tuple[list[str], int]]) -> None:
    pytest.importorskip("ruff")
    stub = "\n\n".join(generate_stub(labelled(" ".join(words), depth), "part7_x") for words, depth in drawn)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "120", "-"]
    formatted = subprocess.run(command, input=stub.encode(), capture_output=True, check=True).stdout.decode()
    assert formatted == stub


def labelled(summary: str, depth: int) -> str:
    """A formatted solution whose one region stands `depth` levels deep."""
    heads = ["def f():", *("    " * level + "if True:" for level in range(1, depth + 1))]
    indent = "    " * (depth + 1)
    return "\n".join(
        [*heads, f"{indent}### BEGIN SOLUTION m.e: {summary}", f"{indent}x = 1", f"{indent}### END SOLUTION", ""]
    )


# Where to start


def test_unwritten_tells_the_lines_of_each_exercise_in_order() -> None:
    found = unwritten(STUB)
    assert found == {
        "ops.add": [9],
        "buffer.size": [19, 26],
        "buffer.walk": [35],
        "buffer.release": [40],
    }
    lines = STUB.split("\n")
    assert all("raise NotImplementedError(" in lines[number - 1] for numbers in found.values() for number in numbers)


def test_unwritten_reads_a_file_that_does_not_parse_and_leaves_out_comments() -> None:
    source = (
        STUB.replace("def add(a, b):", "def add(a, b:")
        .replace("    raise Not", "    # raise Not", 1)
        .replace("\n", "\r\n")
    )
    assert list(unwritten(source)) == ["buffer.size", "buffer.walk", "buffer.release"]


# Starting again


def test_a_reset_puts_all_functions_of_an_exercise_back_and_nothing_else() -> None:
    learner = SOLUTION.replace("import functools", "import functools\nimport mine").replace("len(self.spots)", "42")
    reset = reset_region(learner, STUB, "buffer.size")
    assert list(unwritten(reset)) == ["buffer.size"]
    assert "42" not in reset
    assert "import mine" in reset
    assert reset.split("    @functools.cache")[1] == learner.split("    @functools.cache")[1]
    assert reset.split("class Buffer")[0] == learner.split("class Buffer")[0]


def test_a_reset_keeps_the_other_exercise_of_the_same_function() -> None:
    reset = reset_region(SOLUTION, STUB, "buffer.walk")
    assert list(unwritten(reset)) == ["buffer.walk"]
    assert "del self.spots[spot]" in reset
    assert reset_region(reset, STUB, "buffer.release").split("@functools.cache")[1] == STUB.split("@functools.cache")[1]


def test_a_reset_refuses_where_another_exercise_could_be_lost() -> None:
    learner = SOLUTION.replace("if release:", "if release is True:")
    with pytest.raises(StubError, match=r"f.py:\d+: a function that holds another exercise as well must keep"):
        reset_region(learner, STUB, "buffer.walk", "f.py")


def test_a_reset_restores_signature_and_decorators() -> None:
    learner = SOLUTION.replace("def add(a, b):", "@functools.cache\ndef add(a, b=1, *c):")
    assert reset_region(learner, STUB, "ops.add").split("class Buffer")[0] == STUB.split("class Buffer")[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "def add(",
            "def plus(",
            r"f.py: add must be defined as often as in the stub \(1\); got 0. Write its `def` line",
        ),
        ("def add(", "def add():\n    pass\ndef add(", "got 2. Delete or rename the spare, then reset."),
        ("total = a + b", "total = (a +", "f.py:9: the file must be valid Python; .* If it is inside add, make that"),
        ("def add(a, b):", "def add(a, b): \0", "f.py:.: the file must be valid Python; got .*null bytes"),
    ],
)
def test_a_reset_that_cannot_be_made_says_what_to_do(old: str, new: str, message: str) -> None:
    with pytest.raises(StubError, match=message):
        reset_region(SOLUTION.replace(old, new, 1), STUB, "ops.add", "f.py")


def test_an_unknown_exercise_is_told_the_right_ones() -> None:
    with pytest.raises(StubError, match=r"exercise must be one of ops.add, buffer.size, .*; got 'ops.sub'"):
        reset_region(SOLUTION, STUB, "ops.sub")


def test_a_reset_keeps_the_files_own_line_ends() -> None:
    reset = reset_region(SOLUTION.replace("\n", "\r\n"), STUB, "ops.add")
    assert reset.count("\n") == reset.count("\r\n")
    assert list(unwritten(reset)) == ["ops.add"]


@UNHURRIED
@given(drawn_solutions(), st.permutations(["m.e1", "m.e2", "m.e3"]))
def test_resetting_every_exercise_gives_the_stub(drawn: Drawn, order: list[str]) -> None:
    source = "\n".join(drawn.lines)
    stub = generate_stub(source, "part7_x")
    present = [exercise for exercise in order if exercise in unwritten(stub)]
    file = source
    try:
        for exercise in present:
            before = unwritten(file)
            file = reset_region(file, stub, exercise)
            assert set(unwritten(file)) == {*before, exercise}
    except StubError as error:
        assert "holds another exercise as well" in str(error)  # noqa: PT017  a refusal is a right answer as well
    else:
        assert file.rstrip("\n") == stub.rstrip("\n")
