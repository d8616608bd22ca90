"""Which functions of the exercise files run: practice remembers what passed for as long as none of them has changed.

A watched module is compiled with one more statement at the head of every outermost function, which notes the
function's name.  It has the line of the statement that it stands before: docstrings, tracebacks and frames stay.
"""

from __future__ import annotations

import ast
import functools
import importlib.abc
import sys
from collections.abc import Container, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

from autograder.worker import scan

_NOTE = "__note_function__"


class Reached(importlib.abc.MetaPathFinder):
    """The functions of the watched modules that have run, as `module:Class.method`."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = frozenset(modules)
        self._at_import: set[str] = set()
        self._since: set[str] = set()
        self.note = self._since.add  # called by every function, and no frame of Python's
        self._all_are_watched = True

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._modules:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _WatchedLoader(name, spec.loader.path, self)
        return spec

    def give_up(self) -> None:
        """Know from now on that a module could not be watched."""
        self._all_are_watched = False

    def loaded(self) -> None:
        """Count what has run for every call from now on: modules were imported, and what they ran they all use."""
        self._at_import |= self._since

    def take(self) -> list[str] | None:
        """Give what has run since this was asked last, and while modules were imported; None where that is unknown."""
        functions = self._at_import | self._since
        self._since.clear()
        _empty_caches({name.partition(".")[0] for name in self._modules})
        return sorted(functions) if self._all_are_watched else None


def _empty_caches(packages: Container[str]) -> None:
    """Have what these packages keep with functools.cache run again: whoever found it kept would not have run it."""
    modules = [module for name, module in [*sys.modules.items()] if name.partition(".")[0] in packages]
    for value in [value for module in modules for value in vars(module).values()]:
        for each in [value, *(vars(value).values() if isinstance(value, type) else ())]:
            function = each.__func__ if type(each) in (staticmethod, classmethod) else each
            if type(function) is functools._lru_cache_wrapper:
                function.cache_clear()


class _WatchedLoader(SourceFileLoader):
    def __init__(self, name: str, path: str, reached: Reached) -> None:
        super().__init__(name, path)
        self._reached = reached

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> Any:  # type: ignore[override]
        try:
            tree = _Noting(self.name).visit(scan.parsed(data))
            return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True, optimize=_optimize)
        except Exception:  # whatever is wrong with it, it is as wrong without the notes
            self._reached.give_up()
            return super().source_to_code(data, path, _optimize=_optimize)

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, _NOTE, self._reached.note)
        super().exec_module(module)


class _Noting(ast.NodeTransformer):
    """Puts the note at the head of every outermost function."""

    def __init__(self, module: str) -> None:
        self._prefix = f"{module}:"

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        outside, self._prefix = self._prefix, f"{self._prefix}{node.name}."
        self.generic_visit(node)
        self._prefix = outside
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.FunctionDef | ast.AsyncFunctionDef:
        has_docstring = ast.get_docstring(node, clean=False) is not None
        before = node.body[has_docstring] if len(node.body) > has_docstring else node.body[-1]
        note = ast.Expr(ast.Call(ast.Name(_NOTE, ast.Load()), [ast.Constant(self._prefix + node.name)], []))
        node.body.insert(has_docstring, ast.copy_location(note, before))
        return node

    visit_AsyncFunctionDef = visit_FunctionDef
