"""The commands of `run.py`: grade, debug, pack, reset, self-test.  Every function returns the exit code."""

from __future__ import annotations

import bdb
import contextlib
import importlib.util
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from autograder.atomic_files import write_whole
from autograder.judge import progress as remembered
from autograder.judge import submission as submissions
from autograder.judge.candidate import DebugCandidate, WorkerCandidate
from autograder.judge.exercises import ROOT, Part, find_part, find_parts
from autograder.judge.failures import CannotGrade, NotAttempted
from autograder.judge.handed_out import handed_out, module_as_given
from autograder.judge.isolation import hide_value
from autograder.judge.record import PartRecord
from autograder.judge.staging import make_stage
from autograder.printable import bounded, one_line, printable
from autograder.scripts.showing import plain_console
from autograder.testing.failures import GraderFault, Wrong

GRADED, BELOW, CANNOT = 0, 1, 2
INTERRUPTED = 130
DEFAULT_ZIP = "PART.zip"


@dataclass(frozen=True)
class Choice:
    """The request, as the command line has it."""

    part: str
    exercises: tuple[str, ...] = ()
    solution: bool = False
    submission: Path | None = None
    upstream: str = "reference"
    seed: int | None = None
    examples: int | None = None
    json: Path | None = None
    markdown: Path | None = None
    fail_under: float | None = None
    pack: str | None = None

    @property
    def code(self) -> str:
        """Whose code is graded, as `submissions.chosen` takes it."""
        return submissions.SOLUTION if self.solution else str(self.submission or "")


def start(app: typer.Typer, arguments: Sequence[str], default_values: Mapping[str, str]) -> int:
    """Run a command line. A mistake of the person who typed it is one line on standard error and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being stopped cleans up as Ctrl-C does
    try:
        exit_code = app(list(_with_defaults(arguments, default_values)), standalone_mode=False) or 0
        if exit_code == INTERRUPTED:  # typer has caught it, and says nothing
            raise KeyboardInterrupt
        return exit_code
    except (CannotGrade, typer.TyperException) as error:
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        print(f"{Path(sys.argv[0]).name}: {printable(message)}", file=sys.stderr)
    except GraderFault as fault:
        print(_blame(str(fault)), file=sys.stderr)
    except (KeyboardInterrupt, typer.Abort):
        print("stopped; nothing was written.", file=sys.stderr)
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):  # the reader of our output has seen enough; typer and rich would exit with 1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # the machine's: a full disk, a folder that may not be written to
        print(f"{Path(sys.argv[0]).name}: {one_line(str(error))}", file=sys.stderr)
    except Exception:
        print(_blame(traceback.format_exc()), file=sys.stderr)
    return CANNOT


def _blame(trouble: str) -> str:
    """Say what went wrong and whose fault it is: ours, unless it names a file of ours that has been changed."""
    given, theirs = handed_out(), {f"{part.name}/{file}" for part in find_parts() for file in part.files}
    for name in sorted(given.changed - theirs):
        if lines := re.findall(re.escape(f'"{ROOT / name}", line ') + r"(\d+)", trouble):
            reason = one_line(f"{trouble.strip().splitlines()[-1]}, line {lines[-1]}")
            put_back = f"`git checkout {name}` puts it back" if given.is_git else "Take it from the handout"
            where = f"{Path(sys.argv[0]).name}: {name}"
            return f"{where} must be as it was handed out; it was changed, and fails: {reason}. {put_back}."
    return f"{bounded(trouble)}\nA fault of the grader, not of your code. Please report it with the lines above."


def _with_defaults(arguments: Sequence[str], default_values: Mapping[str, str]) -> Iterator[str]:
    """Give an option that may stand alone its value."""
    for argument, following in itertools.pairwise([*arguments, "-"]):
        yield argument
        if argument in default_values and following.startswith("-"):
            yield default_values[argument]


def part_names() -> str:
    return ", ".join(part.short_name for part in find_parts())


def chosen_parts(name: str) -> list[Part]:
    """The parts that `part4`, `part4_attention` or `all` names."""
    return find_parts() if name == "all" else [find_part(name)]


def grade_parts(choice: Choice) -> int:
    """Grade, report, remember, write what was asked for."""
    from autograder.reports import json_record, markdown, terminal

    parts = chosen_parts(choice.part)
    _check(choice, parts)
    hide_value("--seed")
    submission = submissions.chosen(choice.code, find_parts())
    console = _console()
    results = []
    for part in parts:
        before = remembered.load(part)
        result = _grade_part(part, submission, choice, before)
        if submission.is_in_place:
            remembered.save(part, remembered.update(before, result))
        terminal.show(
            console, part, result, before.outcomes if submission.is_in_place else {}, places(part, submission)
        )
        results.append(result)
    if choice.part == "all":
        terminal.show_sum(console, results)
    if choice.json is not None:
        json_record.write(choice.json, results, choice.part == "all")
    if choice.markdown is not None:
        markdown.write(choice.markdown, results)
    if choice.pack is not None:
        for part, result in zip(parts, results, strict=True):
            console.print(f"packed {pack(part, submission, result, choice.pack)}", highlight=False, markup=False)
    if any(result.has_grader_fault for result in results):
        return CANNOT
    return (
        BELOW
        if choice.fail_under is not None and sum(result.points for result in results) < choice.fail_under
        else GRADED
    )


def _grade_part(
    part: Part, submission: submissions.Submission, choice: Choice, before: remembered.PartProgress
) -> PartRecord:
    with WorkerCandidate(part, make_stage(part, submission, choice.upstream)) as candidate:
        # The worker starts on the other core while hypothesis and torch are imported here.
        from autograder.judge.collection import EXAMPLES, collect
        from autograder.judge.grading import grade

        with _progress(part) as tell_total_and_result:
            seed = choice.seed if choice.seed is not None else random.SystemRandom().randrange(2**31)
            collection = collect(part, seed, choice.examples or EXAMPLES["learner"], choice.exercises or None)
            earlier = remembered.failing_problems(before) if submission.is_in_place else {}
            result = grade(
                collection,
                candidate,
                submission.label,
                earlier=earlier,
                tell=tell_total_and_result(len(collection.tests)),
            )
    ignored = handed_out().not_counted(part, choice.upstream) if submission.is_in_place else submission.ignored
    result.ignored_files = [one_line(name) for name in ignored if name != PRACTICE]
    return result


@contextlib.contextmanager
def _progress(part: Part) -> Iterator[Callable[[int], Callable[[Any], None]]]:
    """A bar on standard error, where a person watches."""
    console = plain_console(stderr=True)
    columns = (TextColumn(part.name), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[exercise]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(part.name, total=None, exercise="drawing problems")

        def tell(total: int) -> Callable[[Any], None]:
            bar.update(task, total=total)
            return lambda result: bar.update(task, advance=1, exercise=result.test.exercise)

        yield tell


def _check(choice: Choice, parts: Sequence[Part]) -> None:
    """Whatever can be known to be wrong is said before anything runs."""
    if choice.solution and choice.submission is not None:
        raise CannotGrade("--solution and --submission must not be given together; choose one.")
    if choice.exercises and choice.part == "all":
        raise CannotGrade("-e must be given with one part; got all.")
    for exercise in choice.exercises:
        parts[0].exercise(exercise)
    for path, option in ((choice.json, "--json"), (choice.markdown, "--markdown")):
        if path is not None:
            check_writable(path, option)
    if choice.pack is not None:
        if choice.solution or choice.submission is not None:
            raise CannotGrade("--pack must be given for the files in place, without --solution or --submission.")
        if choice.pack != DEFAULT_ZIP and len(parts) > 1:
            raise CannotGrade(f"--pack must be given without a name for all parts; got {choice.pack}.")
        for part in parts:
            check_writable(_zip_path(part, choice.pack), "--pack")


def check_writable(path: Path, option: str) -> None:
    """Raise CannotGrade unless a file can be written at `path`."""
    if path.is_dir():
        raise CannotGrade(f"{option} must name a file; got the folder {path}.")
    if path.exists() and not path.is_file():  # a rename would put a file in the place of /dev/null
        raise CannotGrade(f"{option} must name a plain file; got {path}.")
    if not path.parent.is_dir():
        raise CannotGrade(f"{option} must lie in an existing folder; got {path}.")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise CannotGrade(f"{option} must be writable; got {path}.")


def places(part: Part, submission: submissions.Submission) -> dict[str, str]:
    """For every exercise that is still to be written: `file:line` of its first stub line."""
    from autograder.authoring.stubs import unwritten

    found: dict[str, str] = {}
    for file, content in submission.of(part).items():
        if isinstance(content, bytes):
            with contextlib.suppress(ValueError, SyntaxError):
                for exercise, lines in unwritten(content.decode("utf-8")).items():
                    found[exercise] = f"{part.name}/{file}:{lines[0]}"
    return found


PRACTICE = "practice.json"
MOST_PROCESSES = 8  # of the self-test; each imports torch


def pack(part: Part, submission: submissions.Submission, result: PartRecord, name: str) -> Path:
    """Write the zip to hand in: the exercise files and the record of this practice run."""
    from autograder.reports import json_record

    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in submission.of(part).items():
            if isinstance(content, bytes):
                archive.writestr(f"{part.name}/{file}", content)
        archive.writestr(PRACTICE, json_record.to_json([result], all_parts=False))
    path = _zip_path(part, name)
    write_whole(path, buffer.getvalue())
    return path


def _zip_path(part: Part, name: str) -> Path:
    return Path(f"{part.name}.zip" if name == DEFAULT_ZIP else name)


def reset_exercise(part_name: str, exercise_id: str) -> int:
    """Put an exercise's functions back to what the stub says, and keep the old file."""
    from autograder.authoring.stubs import reset_region

    part = find_part(part_name)
    exercise = part.exercise(exercise_id)
    path = part.folder / exercise.file
    try:
        source = path.read_bytes().decode("utf-8")
        restored = reset_region(source, _stub(part, exercise.file), exercise_id, f"{part.name}/{exercise.file}")
    except (OSError, ValueError) as error:
        raise CannotGrade(str(error)) from None
    if restored == source:
        print(f"{exercise_id} is as it was handed out; nothing to do.")
        return GRADED
    kept = _keep(path).relative_to(ROOT)
    write_whole(path, restored.encode("utf-8"))
    print(f"{exercise_id} in {part.name}/{exercise.file} is as it was handed out; what you had is kept in {kept}.")
    return GRADED


def _stub(part: Part, file: str) -> str:
    """The stub of an exercise file: generated where the reference is here, else as handed out, else as committed."""
    from autograder.authoring.stubs import generate_stub

    reference = part.folder / "solution" / file
    if reference.is_file():
        return generate_stub(reference.read_text(encoding="utf-8"), part.name)
    if (stub := module_as_given(f"{part.name}/{file}")) is not None:
        return stub.decode("utf-8")
    shown = subprocess.run(["git", "show", f"HEAD:./{part.name}/{file}"], cwd=ROOT, capture_output=True, check=False)
    if shown.returncode != 0:
        raise CannotGrade(
            f"--reset must find the stub of {part.name}/{file}; neither the reference nor git has it. "
            "Take it from the handout."
        )
    return shown.stdout.decode("utf-8")


def _keep(path: Path) -> Path:
    folder = remembered.FOLDER / "kept" / path.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    moment = time.strftime("%Y-%m-%d-%H%M%S")
    names = (f"{moment}-{number}-{path.name}" for number in itertools.count(1))  # two resets may share a second
    kept = next(folder / name for name in names if not (folder / name).exists())
    write_whole(kept, path.read_bytes())
    return kept


def debug(choice: Choice) -> int:
    """Run the tests in this process until one fails, and show where. `breakpoint()` works in the exercise."""
    from autograder.judge.attempt import attempt
    from autograder.judge.collection import EXAMPLES, collect
    from autograder.judge.diagnosis import explain
    from autograder.judge.grading import test_record
    from autograder.judge.running import result_of
    from autograder.reports.explanation import as_text, explanation

    if choice.part == "all":
        raise CannotGrade("--debug must be given with one part; got all.")
    part = find_part(choice.part)
    _check(choice, [part])
    candidate = DebugCandidate(part, submissions.folder_of(choice.code, part), choice.upstream)
    collection = collect(part, choice.seed or 0, choice.examples or EXAMPLES["learner"], choice.exercises or None)
    for test in collection.tests:
        for problem in collection.problems[test.id]:
            made = attempt(test.body, candidate, problem)
            failure = made.failure or made.fault
            if failure is None:
                continue
            if isinstance(failure, NotAttempted):
                print(f"{test.exercise} is not attempted.")
                return GRADED
            if isinstance(failure.__cause__, bdb.BdbQuit):
                return GRADED
            if not isinstance(failure, Wrong):
                traceback.print_exception(failure.__cause__ or failure)
            seen = made.failure and explain(made.seen)
            shown = explanation(test_record(result_of(test, made, seen or ""), 0, part.short_name))
            print(f"\n{test.exercise}\n{as_text(shown)}\nA debug run gives no score.")
            return GRADED
    print(f"{len(collection.tests)} tests ran without a failure. A debug run gives no score.")
    return GRADED


def self_test(tier: str) -> int:
    """Run the repository's own tests, on all cores where pytest-xdist is installed; `full` adds the slow ones."""
    if tier not in ("quick", "full"):
        raise CannotGrade(f"--self-test must be given alone or as full; got {tier!r}.")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun with & in a script; tests of Ctrl-C would fail
        signal.signal(signal.SIGINT, signal.default_int_handler)
    folders = [ROOT / "autograder" / "tests", *sorted(ROOT.glob("part*/checks"))]
    command = [sys.executable, "-m", "pytest", *map(str, folders), "-p", "_hypothesis_pytestplugin", "-q"]
    if importlib.util.find_spec("xdist") and (processes := min(os.cpu_count() or 1, MOST_PROCESSES)) > 1:
        command += ["-p", "xdist.plugin", "-n", str(processes), "--dist", "worksteal"]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "SFRATORCH_CODE": ""}
    return subprocess.run(
        [*command, *([] if tier == "full" else ["-m", "not slow"])], cwd=ROOT, env=environment, check=False
    ).returncode


def _console() -> Console:
    """Standard output: as wide as the terminal, and wide enough for a table where it is a pipe."""
    console = plain_console()
    return console if console.is_terminal else plain_console(width=max(console.width, 140))
