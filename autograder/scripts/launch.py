"""Start a training script or a benchmark: whose code runs, on how many threads, in which Python. Standard library only.

Environment variables are read once, when NumPy and the parts are imported. So a script calls `start` before it imports
anything else, and `start` runs it again in a new process where a variable or the Python has to change.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
VENV_PYTHON = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
RESTARTED = "SFRATORCH_RESTARTED"


class Parser(argparse.ArgumentParser):
    """A script's options, of which --solution and --upstream are here; a wrong one is one line and exit code 2."""

    def __init__(self, module: str, **options: Any) -> None:
        super().__init__(prog=f"python -m {module}", allow_abbrev=False, **options)
        self.add_argument("--solution", action="store_true", help="run the reference instead of the files in place")
        self.add_argument(
            "--upstream",
            choices=("reference", "own"),
            help="whose other parts this one builds on (default: the reference where there is one)",
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message.rstrip('.')}. --help shows the options.\n")


def start(
    module: str,
    needs: Sequence[str],
    *,
    train: Sequence[str] = (),
    threads: int | None = None,
    prefer_solution: bool = False,
) -> None:
    """Return if this process can run the script; else run it in one that can, and exit with its exit code.

    `needs` are the names that the script imports; where this Python lacks one, the project's .venv is taken.
    `train` are those of the extra train, which it imports only at work: --help does without them.
    `prefer_solution` means --solution where there is a reference, unless SFRATORCH_CODE says otherwise.
    """
    sys.excepthook = exit_at_interrupt
    if isinstance(sys.stdout, io.TextIOWrapper):  # what it cannot encode is spelled out, as on standard error
        sys.stdout.reconfigure(errors="backslashreplace")
    restarted = os.environ.pop(RESTARTED, "")
    asks_for_help = not {"-h", "--help"}.isdisjoint(sys.argv[1:])
    wanted = [*needs, *(() if asks_for_help else train)]
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if sys.version_info < (3, 11):  # noqa: UP036
        missing.insert(0, "Python 3.11 or later")
    if missing and (restarted or not VENV_PYTHON.exists()):
        lacks = f"{module} needs {', '.join(missing)}, which {sys.executable} lacks."
        print(f"{lacks} {way_to_install(module)}", file=sys.stderr)
        sys.exit(2)
    environment = {"SFRATORCH_CODE": code_for(module, sys.argv[1:], prefer_solution)}
    if threads is not None:
        environment.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if missing or any(os.environ.get(name, "") != value for name, value in environment.items()):
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [str(VENV_PYTHON) if missing else sys.executable, "-m", module, *sys.argv[1:]]
        sys.exit(run_instead(command, {**os.environ, **environment, "PYTHONPATH": path, RESTARTED: "1"}))


def way_to_install(module: str) -> str:
    """Say what to type where a package is missing."""
    if is_installed(module.partition(".")[0]):
        return f'Run: {sys.executable} -m pip install "sfratorch[train]"'
    return f"Run in {ROOT}: python autograder/run.py --install train"


def is_installed(part: str) -> bool:
    """Tell whether `pip install .` brought the part: no exercises, but the reference in the place of the stubs."""
    return not (ROOT / part / "part.toml").exists()


def code_for(module: str, arguments: Sequence[str], prefer_solution: bool = False) -> str:
    """SFRATORCH_CODE for a script and its options. Ends the program if there is no reference to run."""
    parser, part = Parser(module, add_help=False), module.partition(".")[0]
    options, _ = parser.parse_known_args(arguments)
    chosen = os.environ.get("SFRATORCH_CODE", "")
    if chosen and not (options.solution or options.upstream):
        return chosen
    if is_installed(part):
        return ""  # the files in place are the reference
    has_solution = (ROOT / part / "solution").is_dir()
    if options.solution and not has_solution:
        parser.error(f"--solution needs the folder {part}/solution, which a handout does not have")
    return code_map(part, options.solution or (prefer_solution and has_solution), options.upstream or "reference")


def code_map(part: str, solution: bool, upstream: str) -> str:
    """Say whose code `part` runs, and whose the other parts run: a value of SFRATORCH_CODE."""
    if solution and upstream == "reference":
        return "solution"
    codes = {part: "solution" if solution else "own"}
    for other in sorted(folder.parent for folder in ROOT.glob("part*/part.toml")):
        use_solution = upstream == "reference" and (other / "solution").is_dir()
        codes.setdefault(other.name, "solution" if use_solution else "own")
    return ",".join(f"{name.partition('_')[0]}={code}" for name, code in codes.items())


def run_instead(command: Sequence[str], environment: dict[str, str]) -> int:
    """The exit code of a new process, to which Ctrl-C and termination are left: it may have something to save."""
    both_hear_it = os.name == "nt" or any(map(os.isatty, (0, 1, 2)))  # a terminal sends Ctrl-C to both processes
    child = subprocess.Popen(command, env=environment)

    def pass_on(number: int, frame: object) -> None:
        if number != signal.SIGINT or not both_hear_it:
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    exit_code = child.wait()
    return exit_code if exit_code >= 0 else 128 - exit_code  # as a shell reports a process that a signal ended


def exit_at_interrupt(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Ctrl-C where a script has nothing to save, as during its imports, is no error to be shown."""
    if issubclass(kind, KeyboardInterrupt):
        sys.exit(130)
    sys.__excepthook__(kind, error, trace)


def not_written(error: NotImplementedError) -> str:
    """The line that says which exercise stands in the way of a script."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}"
    exercise, _, summary = str(error).partition(" See ")[0].partition(": ")
    said = f"{exercise or 'An exercise'} is not written yet ({place}){': ' if summary else '.'}{summary}"
    return f"{said} Write it, or run the reference with --solution."
