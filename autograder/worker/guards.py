"""The import policy, inside the worker: a clear refusal for whoever forgets it.

It is policy; isolation is the wall.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Iterable, Sequence
from types import FrameType, ModuleType
from typing import NoReturn

NEVER = frozenset({"ctypes", "_ctypes", "cffi"})
# What would do the exercises: refused whoever asks, where part.toml does not name it.
FRAMEWORKS = frozenset(
    {"torch", "functorch", "jax", "jaxlib", "autograd", "tensorflow", "keras", "mxnet", "tinygrad"}
    | {"transformers", "flashlight"}
)
_STANDARD_LIBRARY = os.path.dirname(os.path.dirname(importlib.abc.__file__)) + os.sep


class ForbiddenImport(ImportError):
    """The submission imports what its part may not."""


def allowed(name: str, part: str, may_import: Iterable[str]) -> bool:
    """Tell whether a part's exercise file may import this module: the standard library, the part itself, and what
    part.toml names.

    `scipy.special` in `may_import` allows `scipy` (needed on the way), `scipy.special` and what is below it.
    """
    top = name.partition(".")[0]
    if top in NEVER or f"{name}.".startswith(f"{part}.solution."):
        return False
    if top in sys.stdlib_module_names or top == part:
        return True
    return any(name == entry or entry.startswith(f"{name}.") or name.startswith(f"{entry}.") for entry in may_import)


def may_import_sentence(part: str, may_import: Iterable[str]) -> str:
    """Say what a refused import is told."""
    return f"{part} may import {', '.join(may_import)} and the standard library without ctypes."


class ImportPolicy(importlib.abc.MetaPathFinder):
    """Refuses a forbidden module when it is the submission that asks for it, first in `sys.meta_path`.

    An audit hook, which cannot be taken out again, refuses frameworks to whoever asks, and what ctypes does to the
    submission: NumPy's modules hold it under names of their own.
    """

    def __init__(self, part: str, may_import: list[str], folder: str) -> None:
        self._part, self._may_import = part, may_import
        self._folder = os.path.join(folder, part) + os.sep
        self._frameworks = FRAMEWORKS.difference(entry.partition(".")[0] for entry in may_import)
        self.refused = ""

    def install(self) -> None:
        """Take effect from now on.

        Modules that others have loaded are forgotten, so that asking for them reaches this finder.
        """
        for name in [name for name in sys.modules if name.partition(".")[0] in NEVER]:
            del sys.modules[name]
        sys.meta_path.insert(0, self)
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "import" and str(arguments[0]).partition(".")[0] in self._frameworks:
            self._refuse(str(arguments[0]), self._asking())
        elif event.startswith("ctypes.") and (asking := self._asking()):
            self._refuse("ctypes", asking)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not allowed(name, self._part, self._may_import) and (asking := self._asking()):
            self._refuse(name, asking)
        return None

    def _refuse(self, name: str, asking: str) -> NoReturn:
        sentence = may_import_sentence(self._part, self._may_import)
        self.refused = f"{asking or 'the submission'} imports {name}; {sentence}"
        raise ForbiddenImport(self.refused)

    def _asking(self) -> str:
        """Find where the submission asks, or nothing where a library does.

        The standard library asks for others: whoever called it does, or who started a thread of nothing else.
        """
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            path = frame.f_code.co_filename
            if not _is_standard(path):
                is_theirs = path.startswith((self._folder, "<"))
                return f"{os.path.basename(path)}:{frame.f_lineno}" if is_theirs else ""
            frame = frame.f_back
        return "the submission"


def _is_standard(path: str) -> bool:
    """Tell whether a file is the standard library's, below which libraries may stand too."""
    packages = f"{os.sep}site-packages{os.sep}"
    return path.startswith("<frozen ") or (path.startswith(_STANDARD_LIBRARY) and packages not in path)
