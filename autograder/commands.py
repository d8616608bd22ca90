"""The commands of `run.py`: grade, debug, pack, reset, self-test.  Every function returns the exit code."""

from __future__ import annotations

import bdb
import contextlib
import gc
import importlib.util
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from autograder.judge import submission as submissions
from autograder.judge.candidate import DebugCandidate, WorkerCandidate
from autograder.judge.exercises import ROOT, Part, find_part, find_parts
from autograder.judge.failures import CannotGrade, NotAttempted
from autograder.judge.handed_out import handed_out
from autograder.judge.isolation import hide_value
from autograder.judge.record import PartRecord
from autograder.judge.staging import StagedFiles, staged_files, write_stage
from autograder.practice import progress
from autograder.practice.dependencies import dependencies
from autograder.practice.packing import DEFAULT_ZIP, PRACTICE, pack, zip_path
from autograder.practice.places import places
from autograder.practice.progress import add_remembered, nothing_graded
from autograder.printable import bounded, one_line, printable
from autograder.scripts.showing import plain_console
from autograder.testing.failures import GraderFault, Wrong

GRADED, BELOW, CANNOT = 0, 1, 2
INTERRUPTED = 130


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
    profile: str | None = None
    fresh: bool = False
    json: Path | None = None
    html: Path | None = None
    gradescope: Path | None = None
    junit: Path | None = None
    markdown: Path | None = None
    fail_under: float | None = None
    pack: str | None = None

    @property
    def code(self) -> str:
        """Whose code is graded, as `submissions.chosen` takes it."""
        return submissions.SOLUTION if self.solution else str(self.submission or "")

    @property
    def reports(self) -> dict[str, Path | None]:
        """The files to write, by option."""
        names = ("json", "html", "gradescope", "junit", "markdown")
        return {f"--{name}": getattr(self, name) for name in names}

    @property
    def runs_everything(self) -> bool:
        """Whether what passed before is run again: something was asked for that has to be found out now."""
        asked = (self.seed, self.examples, self.profile, *self.reports.values(), self.fail_under, self.pack)
        return self.fresh or bool(self.exercises or self.code) or any(option is not None for option in asked)


def start(app: typer.Typer, arguments: Sequence[str], default_values: Mapping[str, str]) -> int:
    """Run a command line. A mistake of the person who typed it is one line on standard error and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being stopped cleans up as Ctrl-C does
    try:
        exit_code = app(list(_with_defaults([*_spread(arguments)], default_values)), standalone_mode=False) or 0
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


def _spread(arguments: Sequence[str]) -> Iterator[str]:
    """Give every exercise after -e an -e of its own."""
    is_asked = not {"-e", "--exercise"}.isdisjoint(arguments)
    known = {exercise.id for part in find_parts() for exercise in part.exercises} if is_asked else set()
    option = ""
    for before, argument in itertools.pairwise(["", *arguments]):
        if argument.startswith("-"):
            option = argument
        elif option in ("-e", "--exercise") and before != option:
            if argument in known:
                yield option
            else:
                option = ""
        yield argument


def chosen_parts(name: str) -> list[Part]:
    """The parts that `part4`, `part4_attention` or `all` names."""
    return find_parts() if name == "all" else [find_part(name)]


def show_map() -> int:
    """Show how far the learner is in every part."""
    from autograder.practice import course_map

    course_map.show(_console(), find_parts())
    return GRADED


def hint(part_name: str, exercise_id: str) -> int:
    """Show the next hint of an exercise."""
    from autograder.practice.hints import next_hint

    part = find_part(part_name)
    for line in next_hint(part, part.exercise(exercise_id)):
        _console().print(line)
    return GRADED


def compare(part_name: str, exercise_id: str) -> int:
    """Show the learner's text of an exercise and the reference's."""
    from autograder.practice import comparing

    part = find_part(part_name)
    comparing.show(_console(), part, part.exercise(exercise_id))
    return GRADED


def watch(choice: Choice) -> int:
    """Grade a part again after every save, until Ctrl-C or q."""
    from autograder.practice.watching import watch_part

    if choice.part == "all":
        raise CannotGrade("--watch must be given with one part; got all.")
    if choice.runs_everything and not choice.fresh:
        raise CannotGrade("--watch must be given alone, or with --upstream; it grades what a save can change.")
    watch_part(_console(), find_part(choice.part), choice.upstream)
    return GRADED


def reset_exercise(part_name: str, exercise_id: str) -> int:
    """Put an exercise back to its stub."""
    from autograder.practice.resetting import reset

    part = find_part(part_name)
    reset(part, part.exercise(exercise_id))
    return GRADED


def grade_parts(choice: Choice) -> int:
    """Grade, report, remember, write what was asked for."""
    from autograder.reports import json_record, terminal

    parts = chosen_parts(choice.part)
    _check(choice, parts)
    hide_value("--seed")
    submission = submissions.chosen(choice.code, find_parts())
    console = _console()
    results = []
    for part in parts:
        before = progress.load(part)
        if before.complaint and submission.is_in_place:
            console.print(before.complaint, style="yellow")
        result = _grade_part(part, submission, choice, before.progress)
        terminal.show(
            console, part, result, before.progress.outcomes if submission.is_in_place else {}, places(part, submission)
        )
        results.append(result)
    if choice.part == "all":
        terminal.show_sum(console, results)
    if choice.json is not None:
        json_record.write(choice.json, results, choice.part == "all")
    if choice.html is not None:
        from autograder.reports import html

        html.write(choice.html, parts, results)
    if choice.gradescope is not None:
        from autograder.reports import gradescope

        gradescope.write(choice.gradescope, parts, results)
    if choice.junit is not None:
        from autograder.reports import junit

        junit.write(choice.junit, results)
    if choice.markdown is not None:
        from autograder.reports import markdown

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
    part: Part, submission: submissions.Submission, choice: Choice, before: progress.PartProgress
) -> PartRecord:
    """Grade what is not remembered, and remember it if it is the learner's."""
    files = staged_files(part, submission, choice.upstream)
    remembered: set[str] = set()
    if submission.is_in_place and not choice.runs_everything:
        remembered = progress.still_passed(before, dependencies(part, files.contents, before.reached))
    wanted = [name for name in choice.exercises or part.ids if name not in remembered]
    result = _graded(part, files, submission, choice, before, wanted) if wanted else nothing_graded(part, submission)
    if submission.is_in_place:
        add_remembered(result, part, before, remembered)
        progress.remember(part, result, files.contents)
    ignored = handed_out().not_counted(part, choice.upstream) if submission.is_in_place else submission.ignored
    result.ignored_files = [one_line(name) for name in ignored if name != PRACTICE]
    return result


def _graded(
    part: Part,
    files: StagedFiles,
    submission: submissions.Submission,
    choice: Choice,
    before: progress.PartProgress,
    wanted: Sequence[str],
) -> PartRecord:
    is_practice = submission.is_in_place
    with WorkerCandidate(part, write_stage(files), is_practice=is_practice) as candidate:
        # The worker starts on the other core while hypothesis and torch are imported here.
        gc.disable()  # what is imported stays: looking through it again and again takes a sixth of the time
        from autograder.judge.collection import EXAMPLES, collect
        from autograder.judge.grading import grade
        from autograder.judge.two_cores import are_worth_it, grade_on_two_cores

        with _progress(part) as tell_total:
            seed = choice.seed if choice.seed is not None else random.SystemRandom().randrange(2**31)
            collection = collect(part, seed, choice.examples or EXAMPLES[choice.profile or "learner"], wanted)
            gc.freeze()
            gc.enable()
            earlier = progress.failing_problems(before) if is_practice else {}
            tell = tell_total(len(collection.tests))
            seconds = before.seconds(wanted) if is_practice else None
            if are_worth_it(collection, seconds):
                another = lambda: WorkerCandidate(part, write_stage(files), is_practice=is_practice)  # noqa: E731
                return grade_on_two_cores(
                    collection, candidate, another, submission.label, earlier=earlier, seconds=seconds, tell=tell
                )
            tell_result = lambda result: tell(result.test.exercise)  # noqa: E731
            return grade(collection, candidate, submission.label, earlier=earlier, tell=tell_result)


@contextlib.contextmanager
def _progress(part: Part) -> Iterator[Callable[[int], Callable[[str], None]]]:
    """A bar on standard error, where a person watches; it is told the total, and then whose test has run."""
    console = plain_console(stderr=True)
    columns = (TextColumn(part.name), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[exercise]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(part.name, total=None, exercise="")

        def tell(total: int) -> Callable[[str], None]:
            bar.update(task, total=total)
            return lambda exercise: bar.update(task, advance=1, exercise=exercise)

        yield tell


def _check(choice: Choice, parts: Sequence[Part]) -> None:
    """Whatever can be known to be wrong is said before anything runs."""
    if choice.solution and choice.submission is not None:
        raise CannotGrade("--solution and --submission must not be given together; choose one.")
    if choice.exercises and choice.part == "all":
        raise CannotGrade("-e must be given with one part; got all.")
    for exercise in choice.exercises:
        parts[0].exercise(exercise)
    for option, path in choice.reports.items():
        if path is not None:
            check_writable(path, option)
    if choice.pack is not None:
        if choice.solution or choice.submission is not None:
            raise CannotGrade("--pack must be given for the files in place, without --solution or --submission.")
        if choice.pack != DEFAULT_ZIP and len(parts) > 1:
            raise CannotGrade(f"--pack must be given without a name for all parts; got {choice.pack}.")
        for part in parts:
            check_writable(zip_path(part, choice.pack), "--pack")


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


MOST_PROCESSES = 8  # of the self-test; each imports torch


def debug(choice: Choice) -> int:
    """Run the tests in this process until one fails, and show where. `breakpoint()` works in the exercise."""
    from autograder.judge.attempt import attempt
    from autograder.judge.collection import EXAMPLES, collect
    from autograder.judge.diagnosis import explain
    from autograder.judge.grading import as_typed, test_record
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
            shown = explanation(test_record(result_of(test, made, seen or ""), 0, as_typed(part, choice.code)))
            print(f"\n{test.exercise}\n{as_text(shown)}\nA debug run gives no score.")
            return GRADED if made.fault is None else CANNOT
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
