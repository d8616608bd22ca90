"""`pip install .`: the reference under the names of the stubs, and what its scripts stand on.

pyproject.toml names the class and the packages. An editable install keeps the folders as they are.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools.command.build_py import build_py

GRADER = "autograder"
SCRIPTS_NEED = ("__init__", "atomic_files")  # of the grader's own folder; the rest of it judges


class BuildReference(build_py):  # type: ignore[misc]  # setuptools has no types
    """Collect each part's reference in place of its stubs, and mark the packages as typed."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        """Package, module and file of what is installed: a solution in place of the stub of its name."""
        if self.editable_mode:
            return super().find_package_modules(package, package_dir)
        places = (Path(package_dir), Path(package_dir, "solution"))
        files = {file.stem: str(file) for place in places for file in sorted(place.glob("*.py"))}
        return [(package, name, file) for name, file in files.items() if package != GRADER or name in SCRIPTS_NEED]

    def get_source_files(self) -> list[str]:
        """List what a source distribution must hold so that the same wheel can be built from it."""
        return [*super().get_source_files(), __name__.replace(".", "/") + ".py"]

    def run(self) -> None:
        """Build from nothing, since what an earlier build left would be installed too."""
        if self.editable_mode:
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        for package in self.packages or ():
            if "." not in package:
                Path(self.build_lib, package, "py.typed").touch()
