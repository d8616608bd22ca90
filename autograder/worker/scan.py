"""The scan of an exercise file before a line of it runs: which import or use in it its part does not allow.

It is done here and not in the judge, since a syntax tree takes hundreds of times the memory of its source.
It is policy, as guards.py is; isolation is the wall.
"""

from __future__ import annotations

import ast
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from autograder.worker.guards import allowed, may_import_sentence


def parsed(content: bytes) -> ast.Module:
    """The file's syntax tree. Raises whatever Python raises for a file that cannot be imported either."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes such as "\d", which are the learner's to see
        return ast.parse(content.decode("utf-8-sig"))  # no codec that the file names is run here


def forbidden_import(tree: ast.Module, file: str, part: str, may_import: Iterable[str]) -> str:
    """The sentence that names the first import the part does not allow, or nothing."""
    for line, name in imports(tree, part):
        if not allowed(name, part, may_import):
            return f"{part}/{file}:{line} imports {name}; {may_import_sentence(part, may_import)}"
    return ""


def imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of what a file of this package imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level < 2:  # above a part there is no package
            module = ".".join(filter(None, [package if node.level else "", node.module]))
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def forbidden_uses(tree: ast.Module, file: str, part: str, may_not_use: Mapping[str, list[str]]) -> dict[str, str]:
    """For functions such as `Linear.forward` that use a name which they may not, the sentence that says so."""
    if not may_not_use:
        return {}
    found = {}
    definitions = _Definitions(tree)
    for function, names in may_not_use.items():
        uses = [use for node in definitions.reached_from(function) for use in _uses(node, definitions)]
        for line, name in sorted((line, name) for line, name in uses if isinstance(name, str) and name in names)[:1]:
            found[function] = f"{part}/{file}:{line} uses {name}; {function} may not use {', '.join(names)}."
    return found


class _Definitions:
    """The definitions of a file: by its names, and by the attributes that `self` has in it."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self.names: dict[str, list[ast.AST]] = defaultdict(list)
        self.attributes: dict[str, list[ast.AST]] = defaultdict(list)
        for node in _outside_functions(tree):
            for name in _defined(node):
                self.names[name].append(node)
        for owner in ast.walk(tree):
            if isinstance(owner, ast.ClassDef):
                for node in _outside_functions(owner):
                    for name in _defined(node):
                        self.attributes[name].append(node)
            elif isinstance(owner, _ASSIGNMENTS):
                for target in _targets(owner):
                    if isinstance(target, ast.Attribute):
                        self.attributes[target.attr].append(owner)

    def reached_from(self, function: str) -> list[ast.AST]:
        """A function, and what it names of its own file, in turn: helpers, constants, imports."""
        reached: list[ast.AST] = [self._tree]
        for piece in function.split("."):
            reached = [each for node in reached for each in _outside_functions(node) if piece in _defined(each)]
        seen = set(reached)
        for node in reached:  # grows as it goes
            for each in ast.walk(node):
                further = [found for found in self.of(each) if found not in seen]
                seen.update(further)
                reached += further
        return reached

    def of(self, node: ast.AST) -> list[ast.AST]:
        """Find what a name, or an attribute of `self`, stands for in this file."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, [])
        return self.attributes.get(node.attr, []) if isinstance(node, ast.Attribute) and _is_own(node) else []


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.NamedExpr)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below this one, without what stands inside the functions and classes among them."""
    pending = list(ast.iter_child_nodes(node))
    for child in pending:  # grows as it goes
        yield child
        if not isinstance(child, (*_FUNCTIONS, ast.Lambda)):
            pending += ast.iter_child_nodes(child)


def _defined(node: ast.AST) -> list[str]:
    if isinstance(node, _FUNCTIONS):
        return [node.name]
    if isinstance(node, ast.alias):
        return [node.asname or node.name.partition(".")[0]]
    if isinstance(node, _ASSIGNMENTS):
        return [target.id for target in _targets(node) if isinstance(target, ast.Name)]
    return []


def _targets(node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> Iterator[ast.AST]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        yield from ast.walk(target)


def _uses(node: ast.AST, definitions: _Definitions) -> Iterator[tuple[int, object]]:
    """The names of others that stand in a definition, with their lines: not those that it or its file defines."""
    own = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    own |= {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
    for each in ast.walk(node):
        if isinstance(each, ast.alias):
            yield each.lineno, each.name.rpartition(".")[2]
        elif isinstance(each, ast.Attribute) and not _is_own(each):
            yield each.lineno, each.attr
        elif isinstance(each, ast.Name) and each.id not in own and each.id not in definitions.names:
            yield each.lineno, each.id
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "getattr":
            yield from ((each.lineno, text.value) for text in each.args if isinstance(text, ast.Constant))


def _is_own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
