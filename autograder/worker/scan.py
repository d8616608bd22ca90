"""The scan of an exercise file before a line of it runs: which import or use in it its part does not allow.

It is done here and not in the judge, since a syntax tree takes hundreds of times the memory of its source.
It is policy, as guards.py is; isolation is the wall.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator

from autograder.worker.guards import allowed, may_import_sentence


def parsed(content: bytes) -> ast.Module:
    """The file's syntax tree. Raises whatever Python raises for a file that cannot be imported either."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes such as "\d", which are the learner's to see
        return ast.parse(content.decode("utf-8-sig"))  # no codec that the file names is run here


def forbidden_import(tree: ast.Module, file: str, part: str, may_import: Iterable[str]) -> str:
    """The sentence that names the first import the part does not allow, or nothing."""
    for line, name in _imports(tree):
        if not allowed(name, part, may_import):
            return f"{part}/{file}:{line} imports {name}; {may_import_sentence(part, may_import)}"
    return ""


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
