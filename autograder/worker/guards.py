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
FRAMEWORKS = frozenset({"torch", "functorch", "jax", "jaxlib", "autograd", "tensorflow", "keras", "mxnet", "tinygrad"})


class ForbiddenImport(ImportError):
    """The submission imports what its part may not."""


def allowed(name: str, part: str, may_import: Iterable[str]) -> bool:
    """Whether a part's exercise file may import this module: the standard library, the part itself, and what
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
    """What a refused import is told."""
    return f"{part} may import {', '.join(may_import)} and the standard library without ctypes."


class ImportPolicy(importlib.abc.MetaPathFinder):
    """Refuses a forbidden module when it is the submission that asks for it, first in `sys.meta_path`.

    An audit hook, which cannot be taken out again, refuses frameworks to whoever asks.
    """

    def __init__(self, part: str, may_import: list[str], stage: str) -> None:
        self._part, self._may_import = part, may_import
        self._folder = os.path.join(stage, part) + os.sep
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
            self._refuse(str(arguments[0]), self._submission_frame())

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        asking = self._submission_frame()
        if asking is not None and not allowed(name, self._part, self._may_import):
            self._refuse(name, asking)
        return None

    def _refuse(self, name: str, asking: FrameType | None) -> NoReturn:
        where = f"{os.path.basename(asking.f_code.co_filename)}:{asking.f_lineno}" if asking else "the submission"
        self.refused = f"{where} imports {name}; {may_import_sentence(self._part, self._may_import)}"
        raise ForbiddenImport(self.refused)

    def _submission_frame(self) -> FrameType | None:
        """The frame that asked, if it is the submission's: the first one outside the import machinery."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            path = frame.f_code.co_filename
            if not (path.startswith("<frozen importlib") or os.sep + "importlib" + os.sep in path):
                return frame if path.startswith((self._folder, "<")) else None
            frame = frame.f_back
        return None
