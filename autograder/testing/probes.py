"""Probes as attributes, read by `ast`: nothing of the learner's is imported where the answers are known."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Probe:
    """A function of a probe file: what the judge knows of it without importing it."""

    module: str
    name: str
    parameters: tuple[str, ...]
    required: tuple[str, ...]
    path: Path
    line: int

    def check_arguments(self, names: object) -> None:
        """Raise TypeError if a test passes what the probe does not take, or leaves out what it needs."""
        given = set(names)  # type: ignore[call-overload]
        if not (set(self.required) <= given <= set(self.parameters)):
            raise TypeError(
                f"{self.module}.{self.name} takes {', '.join(self.parameters)}; got {', '.join(sorted(given))}."
            )


class ProbeModule:
    """The probes of one file as attributes; a name that is not there is an AttributeError at collection."""

    def __init__(self, path: Path, module: str) -> None:
        self._path = path
        for node in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                setattr(self, node.name, _probe(node, path, module))

    def __getattr__(self, name: str) -> Probe:
        raise AttributeError(
            f"{self._path.name} has no probe {name!r}; it has {', '.join(key for key in vars(self) if key[0] != '_')}."
        )


def probes(name: str) -> ProbeModule:
    """The probes of `probe_<name>.py` beside the calling test."""
    caller = sys._getframe(1).f_globals
    path = Path(caller["__file__"]).with_name(f"probe_{name}.py")
    if not path.is_file():
        raise FileNotFoundError(f"probes({name!r}) must name a file beside the test; {path} is not there.")
    return ProbeModule(path, f"{path.parent.parent.name}.tests.{path.stem}")


def _probe(node: ast.FunctionDef, path: Path, module: str) -> Probe:
    arguments = node.args
    if arguments.vararg or arguments.kwarg or arguments.posonlyargs:
        raise TypeError(f"{path}:{node.lineno}: a probe must name its arguments; got {ast.unparse(arguments)}.")
    positional = [argument.arg for argument in arguments.args]
    optional = set(positional[len(positional) - len(arguments.defaults) :])
    optional |= {
        argument.arg
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    }
    names = [*positional, *(argument.arg for argument in arguments.kwonlyargs)]
    return Probe(
        module, node.name, tuple(names), tuple(name for name in names if name not in optional), path, node.lineno
    )
