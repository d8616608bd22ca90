"""The regions of a solution file: what a learner must write, between two comments inside a function body.

    ### BEGIN SOLUTION functional.unbroadcast: sum a gradient back to the shape it was broadcast from
    ...
    ### END SOLUTION

Strict on purpose: a marker that is only almost right would hand the answer to the learner.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

_MARKER = re.compile(r"### (?:BEGIN SOLUTION(?: (?P<label>.*))?|(?P<end>END SOLUTION))")
_MEANT_AS_MARKER = re.compile(r"#+\W*(begin|end)\W*solution", re.IGNORECASE)
_NBGRADER_MARKER = re.compile(r"(BEGIN|END) SOLUTION")  # anywhere in a line, strings included
_LABEL = re.compile(r"(?P<id>[a-z_]\w*(?:\.[A-Za-z_]\w*)+): (?P<summary>\S.*)")
_NOT_PLAIN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ufeff]")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class StubError(ValueError):
    """A solution, stub or learner's file that cannot be worked on: where, the rule, what was found, what to do."""

    def __init__(self, where: str, rule: str, got: str, advice: str) -> None:
        super().__init__(f"{where}: {rule}; got {got}. {advice}")
        self.where, self.rule, self.got, self.advice = where, rule, got, advice


@dataclass(frozen=True)
class Region:
    """One region. Its lines count from 1 and are those of the two markers.

    `function` is the outermost function around it, by qualified name: `Class.method` for a method.
    """

    label_id: str
    summary: str
    first_line: int
    last_line: int
    function: str


def regions(source: str, filename: str = "solution") -> list[Region]:
    """Find every region of a solution, in order.

    Raises StubError for one that is not whole, not inside a function, or not marked exactly, and where there is none.
    """
    _check_characters(source, filename)
    tree = parse(source, filename)
    found = [_MarkedLines(source, filename, *span).region(tree) for span in _spans(source, filename)]
    if not found:
        advice = "Mark one; a file that gives everything belongs in the part's own folder."
        raise StubError(f"{filename}:1", "a solution must hold at least one region", "none", advice)
    return found


def parse(source: str, filename: str) -> ast.Module:
    """The syntax tree of a source that Python can compile. Raises StubError with the line that it cannot."""
    source = source.removeprefix("\ufeff")  # the byte order mark, which Python skips in a file but not in a string
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a SyntaxWarning is for the author's own run
            compile(source, filename, "exec", dont_inherit=True)
            return ast.parse(source)
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte, before Python 3.12
        where = f"{filename}:{getattr(error, 'lineno', None) or 1}"
        got = getattr(error, "msg", str(error))
        raise StubError(where, "the file must be valid Python", got, "Correct this line first.") from None


def _check_characters(source: str, filename: str) -> None:
    character = _NOT_PLAIN.search(source)
    if character is None:
        return
    got, advice = {
        "\r": ("a carriage return", "Save the file with LF line ends."),
        "\t": ("a tab", r"Indent with spaces, and write \t in strings."),
        "\ufeff": ("a byte order mark", "Save the file as UTF-8 without one."),
    }.get(character[0], (f"the control character {character[0]!r}", "Delete it, or write it as an escape."))
    line = source.count("\n", 0, character.start()) + 1
    raise StubError(f"{filename}:{line}", "a solution must hold nothing but plain lines", got, advice)


def _spans(source: str, filename: str) -> Iterator[tuple[int, int, str]]:
    """The line of each BEGIN, the line of its END, and the label between them."""
    begin, label = 0, ""
    for line, marker in _markers(source, filename):
        where = f"{filename}:{line}"
        if marker["end"] and not begin:
            advice = "Add its BEGIN SOLUTION, or delete it."
            raise StubError(where, "END SOLUTION must close a region", "one where none is open", advice)
        if begin and not marker["end"]:
            got = f"BEGIN SOLUTION inside the region of line {begin}"
            raise StubError(where, "regions must not be nested", got, "Close that region first.")
        if marker["end"]:
            yield begin, line, label
            begin = 0
        else:
            begin, label = line, marker["label"] or ""
    if begin:
        advice = "Add END SOLUTION at the same indentation."
        raise StubError(f"{filename}:{begin}", "a region must be closed", "no END SOLUTION after it", advice)


def _markers(source: str, filename: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Every marker with its line. Raises StubError for what was meant as one, or what nbgrader would take for one."""
    tokens = tokenize.generate_tokens(io.StringIO(source, newline="").readline)
    comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    for number, line in enumerate(source.split("\n"), start=1):
        marker = _MARKER.fullmatch(line.strip())
        if marker and number in comments:
            yield number, marker
        elif _NBGRADER_MARKER.search(line) or _MEANT_AS_MARKER.match(comments.get(number, "")):
            rule = (
                "a marker must be a comment `### BEGIN SOLUTION <exercise id>: <what it is for>` or `### END SOLUTION`"
            )
            advice = "Write it so, alone on its line; where no marker is meant, use other words."
            raise StubError(f"{filename}:{number}", rule, repr(line.strip()), advice)


@dataclass(frozen=True)
class _MarkedLines:
    """The lines between one pair of markers, to be held against the syntax tree."""

    source: str
    filename: str
    first: int
    last: int
    label: str

    def region(self, tree: ast.Module) -> Region:
        label = _LABEL.fullmatch(self.label)
        if label is None:
            advice = "Label it, such as `linear.forward: y = x Wᵀ + b`."
            raise self._error("a region must be labelled `<exercise id>: <what it is for>`", repr(self.label), advice)
        holders, inside = self._locate(tree)
        self._check_whole(inside)
        functions = [holder for holder in holders if isinstance(holder, _FUNCTIONS)]
        if not functions:
            advice = "Move the markers below a `def` line."
            raise self._error("a region must stand inside a function body", "one outside", advice)
        if isinstance(holders[-1], _FUNCTIONS) and ast.get_docstring(holders[-1]) and inside[0] is holders[-1].body[0]:
            advice = "Move BEGIN SOLUTION below it."
            raise self._error("a docstring must be given to the learner", "one inside the region", advice)
        self._check_indentation(inside[0])
        classes = [holder.name for holder in holders[: holders.index(functions[0])] if isinstance(holder, ast.ClassDef)]
        function = ".".join([*classes, functions[0].name])
        return Region(label["id"], label["summary"].rstrip(), self.first, self.last, function)

    def _locate(self, tree: ast.Module) -> tuple[list[ast.AST], list[ast.stmt]]:
        """The nodes around the region, outermost first, and the statements it touches in the innermost of them."""
        holders: list[ast.AST] = [tree]
        while True:
            touched = [s for s in statements(holders[-1]) if first_line(s) < self.last and last_line(s) > self.first]
            if len(touched) != 1 or not first_line(touched[0]) < self.first < last_line(touched[0]):
                return holders, touched
            holders.append(touched[0])

    def _check_whole(self, touched: list[ast.stmt]) -> None:
        lines = self.source.split("\n")[self.first : self.last - 1]
        code = {
            n
            for n, line in enumerate(lines, start=self.first + 1)
            if line.strip() and not line.lstrip().startswith("#")
        }
        covered = {n for statement in touched for n in range(first_line(statement), last_line(statement) + 1)}
        if not code:
            advice = "Put the reference between the markers."
            raise self._error("a region must hold at least one statement", "an empty one", advice)
        # An `else:` belongs to no statement of its own, so lines are compared in both directions.
        if not code <= covered or not covered <= set(range(self.first + 1, self.last)):
            advice = "Move a marker so that each statement is inside or outside."
            raise self._error("a region must hold whole statements", "one cut in half", advice)

    def _check_indentation(self, statement: ast.stmt) -> None:
        lines = self.source.split("\n")
        for number in (self.first, self.last):
            column = len(lines[number - 1]) - len(lines[number - 1].lstrip())
            if column != statement.col_offset:
                where, advice = f"{self.filename}:{number}", f"Indent it by {statement.col_offset}."
                raise StubError(where, "a marker must be indented as its region is", f"{column} spaces", advice)

    def _error(self, rule: str, got: str, advice: str) -> StubError:
        return StubError(f"{self.filename}:{self.first}", rule, got, advice)


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements one level below, those of `else`, `except` and `case` blocks included."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        yield from block if isinstance(block, list) else ()
    for field in ("handlers", "cases"):
        for clause in getattr(node, field, ()):
            yield from clause.body


def first_line(statement: ast.stmt) -> int:
    """The line on which a statement begins, its decorators included."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def last_line(statement: ast.stmt) -> int:
    """The line on which a statement ends."""
    return statement.end_lineno or statement.lineno
