"""Stubs: what a learner opens, made from a solution, and put back where a learner wants to start again.

`generate_stub`   solution to stub: each region becomes one statement that says what it is for
`functions_of`    the functions of a file, by their lines
`unwritten`       where those statements still stand in a stub or in a learner's file
`reset_region`    puts the functions of one exercise back as the stub has them
"""

from __future__ import annotations

import ast
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.authoring.regions import Region, StubError, first_line, last_line, parse, regions, statements

__all__ = [
    "Function",
    "Region",
    "StubError",
    "functions_of",
    "generate_stub",
    "lines_of",
    "regions",
    "reset_region",
    "unwritten",
]

LINE_LENGTH = 120  # pyproject.toml's, so that ruff leaves a stub as it is
_RAISE = re.compile(r"""^[ \t]*raise NotImplementedError\(\s*["'](?P<id>[a-z_]\w*(?:\.\w+)+): """, re.MULTILINE)


# From solution to stub


def generate_stub(source: str, part: str, filename: str = "solution") -> str:
    """The stub of a solution: everything outside the regions byte for byte, each region one `raise`.

    `part` is the folder whose README.md the statement points to.
    Raises StubError for a region that `regions` refuses, and for a stub that Python would not compile.
    """
    numbered = list(enumerate(source.split("\n"), start=1))
    for region in reversed(regions(source, filename)):
        begin = numbered[region.first_line - 1][1]
        placeholder = _placeholder(region, part, indentation=len(begin) - len(begin.lstrip()))
        numbered[region.first_line - 1 : region.last_line] = [(region.first_line, line) for line in placeholder]
    stub = "\n".join(line for _, line in numbered)
    try:
        parse(stub, filename)
    except StubError as error:
        number = numbered[int(error.where.rpartition(":")[2]) - 1][0]
        advice = "Move what this line needs out of the region, or this line into it."
        raise StubError(f"{filename}:{number}", "the generated stub must compile", error.got, advice) from None
    return stub


def _placeholder(region: Region, part: str, indentation: int) -> list[str]:
    """The lines that stand for a region, broken where ruff would break them."""
    label = f"{region.label_id}: {region.summary.rstrip('.')}. "
    pointer = f"See {part}/README.md; SFRATORCH_CODE=solution runs the reference."
    indent, deeper = " " * indentation, " " * (indentation + 4)
    whole = _quoted(label + pointer)
    one_line = f"{indent}raise NotImplementedError({whole})"
    if _width(one_line) <= LINE_LENGTH:
        return [f"{indent}# YOUR CODE HERE", one_line]
    room = LINE_LENGTH - len(deeper)
    pieces = [whole] if _width(whole) <= room else [*map(_quoted, _wrapped(label, room)), _quoted(pointer)]
    return [
        f"{indent}# YOUR CODE HERE",
        f"{indent}raise NotImplementedError(",
        *(deeper + piece for piece in pieces),
        f"{indent})",
    ]


def _wrapped(text: str, room: int) -> Iterator[str]:
    """Text in pieces whose literals fit, cut after spaces; a longer word stays whole."""
    piece = ""
    for word in re.findall(r"\S+\s*", text):
        if piece and _width(_quoted(piece + word)) > room:
            yield piece
            piece = ""
        piece += word
    yield piece


def _quoted(text: str) -> str:
    """A string literal in the quotes that ruff chooses: double ones, unless single ones need fewer backslashes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


def _width(text: str) -> int:
    """Columns on a screen, as ruff counts them."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


# Where to start


def unwritten(source: str) -> dict[str, list[int]]:
    """The lines on which each exercise's `raise NotImplementedError("<id>: ...` still stands, in the file's order.

    Reads a file that Python cannot parse as well: it is for a learner in the middle of writing.
    """
    found: dict[str, list[int]] = {}
    for match in _RAISE.finditer(source):
        found.setdefault(match["id"], []).append(source.count("\n", 0, match.start()) + 1)
    return found


# Starting again


def reset_region(learner_source: str, stub_source: str, exercise_id: str, filename: str = "the file") -> str:
    """The learner's file with the functions of one exercise as they are in the stub; everything else stays.

    Functions are matched by qualified name, decorators included. One that holds only this exercise is put back whole.
    One that also holds another exercise loses only this exercise's regions, found by the given lines around them; where
    those were changed nothing is reset, because the other exercise's work could not be told apart.
    Raises StubError that says what to do, also where the file does not parse or a function is gone.
    """
    places = unwritten(stub_source)
    if exercise_id not in places:
        raise StubError(
            filename, f"exercise must be one of {', '.join(places)}", repr(exercise_id), "Name one of these."
        )
    functions = functions_of(stub_source, "the stub")
    wanted = [function for function in functions if any(function.holds(line) for line in places[exercise_id])]
    shared = {line for other, lines in places.items() if other != exercise_id for line in lines}

    stub_lines, lines = lines_of(stub_source), lines_of(learner_source)
    line_end = "\r\n" if "\r\n" in learner_source else "\n"
    for own, given in _pairs(_own_functions(learner_source, functions, wanted, filename), wanted):
        restored = stub_lines[given.first - 1 : given.last]
        if any(given.holds(line) for line in shared):
            own_lines = lines[own.first - 1 : own.last]
            restored = _reset_within(own_lines, restored, exercise_id, f"{filename}:{own.first}")
        lines[own.first - 1 : own.last] = [line.rstrip("\r\n") + line_end for line in restored]
    result = "".join(lines)
    parse(result, f"{filename} after the reset")
    return result


@dataclass(frozen=True)
class Function:
    """An outermost function, by its lines: the first, the first of its body, and the last.

    `body` is above `last` where all stands on one line.  `key` is its qualified name and a number: a property is 0,
    its setter 1.
    """

    key: tuple[str, int]
    first: int
    body: int
    last: int

    def holds(self, line: int) -> bool:
        return self.first <= line <= self.last


def functions_of(source: str, filename: str) -> list[Function]:
    """Every outermost function of a file.  Raises StubError for one that Python cannot compile."""
    lines = lines_of(source)
    seen: Counter[str] = Counter()
    found = []
    for name, node in _named_functions(parse(source, filename)):
        found.append(Function((name, seen[name]), first_line(node), _body(lines, node), _last_comment(lines, node)))
        seen[name] += 1
    return found


def _body(lines: list[str], function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The first line below the head, comments before the first statement included."""
    statement = function.body[0]
    number = first_line(statement)
    if lines[number - 1][: statement.col_offset].strip():  # def f(): return 1
        return _last_comment(lines, function) + 1
    while lines[number - 2].lstrip().startswith("#") or not lines[number - 2].strip():
        number -= 1
    return number


def _last_comment(lines: list[str], function: ast.stmt) -> int:
    """The function's last line, comments after its last statement included: the syntax tree does not know them."""
    last = last_line(function)
    for number in range(last + 1, len(lines) + 1):
        text = lines[number - 1].lstrip()
        if text and (not text.startswith("#") or len(lines[number - 1]) - len(text) <= function.col_offset):
            break
        last = number if text else last
    return last


def _named_functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Outermost functions with their qualified names, those under `if` and `try` included."""
    for statement in statements(node):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + statement.name, statement
        else:
            inner = f"{prefix}{statement.name}." if isinstance(statement, ast.ClassDef) else prefix
            yield from _named_functions(statement, inner)


def _own_functions(
    learner_source: str, in_stub: list[Function], wanted: list[Function], filename: str
) -> dict[tuple[str, int], Function]:
    """The learner's functions by key, once it is sure that each wanted one has its counterpart."""
    names = dict.fromkeys(function.key[0] for function in wanted)
    try:
        own = functions_of(learner_source, filename)
    except StubError as error:
        advice = f"{error.advice} If it is inside {', '.join(names)}, make that function's body `pass`, then reset."
        raise StubError(error.where, error.rule, error.got, advice) from None
    for name in names:
        got, expected = (sum(function.key[0] == name for function in functions) for functions in (own, in_stub))
        if got != expected:
            rule = f"{name} must be defined as often as in the stub ({expected})"
            advice = (
                "Write its `def` line again with the body `pass`" if got < expected else "Delete or rename the spare"
            )
            raise StubError(filename, rule, str(got), f"{advice}, then reset.")
    return {function.key: function for function in own}


def _pairs(own: dict[tuple[str, int], Function], wanted: list[Function]) -> list[tuple[Function, Function]]:
    """The learner's and the stub's function, the learner's last one first, so that line numbers hold while lines go."""
    pairs = [(own[function.key], function) for function in wanted]
    return sorted(pairs, key=lambda pair: pair[0].first, reverse=True)


def _reset_within(own: list[str], given: list[str], exercise_id: str, where: str) -> list[str]:
    """A learner's function that holds several exercises, with only this one as in the stub."""
    placeholders = _placeholders(given)
    edges = [0, *(edge for _, start, stop in placeholders for edge in (start, stop)), len(given)]
    spans = _spans_between(own, [given[start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True)])
    if spans is None:
        rule = "a function that holds another exercise as well must keep the stub's given lines"
        raise StubError(where, rule, "changed ones", f"Put these back, or write the `raise` of {exercise_id} by hand.")
    restored = list(own)
    for (owner, start, stop), span in reversed(list(zip(placeholders, spans, strict=True))):
        if owner == exercise_id:
            restored[slice(*span)] = given[start:stop]
    return restored


def _placeholders(lines: list[str]) -> list[tuple[str, int, int]]:
    """Of each region in a stub: exercise id, index of its `# YOUR CODE HERE`, index after its `raise`."""
    found = []
    for exercise_id, numbers in unwritten("".join(lines)).items():
        for number in numbers:
            broken = lines[number - 1].rstrip().endswith("(")
            closed = next(index for index in range(number, len(lines)) if lines[index].strip() == ")") if broken else 0
            found.append((exercise_id, number - 2, closed + 1 if broken else number))
    return sorted(found, key=lambda placeholder: placeholder[1])


def _spans_between(own: list[str], stretches: list[list[str]]) -> list[tuple[int, int]] | None:
    """Find the lines between the given stretches in the learner's function; None where that cannot be told."""
    own = [line.rstrip() for line in own]
    head, *middle, tail = ([line.rstrip() for line in stretch] for stretch in stretches)
    position, limit = len(head), len(own) - len(tail)
    if position > limit or own[:position] != head or own[limit:] != tail:
        return None
    spans = []
    for stretch in middle:
        size = len(stretch)
        starts = [start for start in range(position, limit - size + 1) if own[start : start + size] == stretch]
        if len(starts) != 1 or not any(stretch):
            return None
        spans.append((position, starts[0]))
        position = starts[0] + size
    return [*spans, (position, limit)]


def lines_of(source: str) -> list[str]:
    """Lines with their ends, split where Python splits them."""
    return list(io.StringIO(source, newline=""))
