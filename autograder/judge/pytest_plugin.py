"""pytest as the everyday face of the same tests: `pytest part1_autograd`, or an editor's test button.

The files in place run in a worker, as everywhere; the result is practice and gives no score.
`--code solution` (or SFRATORCH_CODE=solution) runs the reference, `--code PATH` a submission.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autograder.judge.exercises import Part, find_parts, load_part
from autograder.judge.failures import CannotGrade, NotAttempted
from autograder.testing.failures import Ended
from autograder.testing.marks import mark_of

if TYPE_CHECKING:
    from autograder.judge.attempt import Attempt
    from autograder.judge.candidate import TimedCandidate
    from autograder.judge.diagnosis import Seen

_candidates: pytest.StashKey[dict[str, TimedCandidate]] = pytest.StashKey()
_last: pytest.StashKey[Attempt] = pytest.StashKey()
_seen: pytest.StashKey[list[Seen]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("sfratorch").addoption(
        "--code",
        default=os.environ.get("SFRATORCH_CODE", ""),
        help="whose code the parts' tests run: own (the files in place), solution, or the path of a submission",
    )
    parser.getgroup("sfratorch").addoption(
        "--in-process",
        action="store_true",
        help="run the code in pytest's own process, so that an editor's debugger stops in it",
    )


def pytest_configure(config: pytest.Config) -> None:
    from hypothesis import settings

    from autograder.judge.collection import EXAMPLES

    config.stash[_candidates] = {}
    settings.register_profile("sfratorch", max_examples=EXAMPLES["learner"], deadline=None)
    settings.load_profile("sfratorch")


def pytest_report_header(config: pytest.Config) -> str:
    code = _code(config) or "the files in place"
    return f"sfratorch: practice on {code}; `python autograder/run.py PART` gives the points"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A part's `checks/` are of the reference and not of the learner's files: they run where they are named."""
    if collection_path.name == "checks" and (collection_path.parent / "part.toml").is_file():
        return not any("checks" in Path(argument.partition("::")[0]).parts for argument in config.args) or None
    return None


@pytest.fixture(scope="module")
def candidate(request: pytest.FixtureRequest) -> TimedCandidate:
    """The code under test, in a worker of its part that the whole run shares."""
    part = _part_of(request.path)
    if part is None:
        raise pytest.UsageError(f"candidate must be used in a part's tests; {request.path} is in none.")
    running = request.config.stash[_candidates]
    if part.name not in running:
        start = _start_in_process if request.config.getoption("--in-process") else _start
        running[part.name] = start(part, _code_of(part, _code(request.config)))
    return running[part.name]


class _EndedAtOnce(BaseException):
    """Carries a failure past hypothesis, which would shrink an Exception: a timeout is not worth having twice."""

    def __init__(self, failure: Ended) -> None:
        self.failure = failure


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """A stub is skipped, not failed; a timeout or a crash ends a test at once."""
    if mark_of(pyfuncitem.obj) is None:
        return (yield)
    handle = getattr(pyfuncitem.obj, "hypothesis", None)
    owner, name = (pyfuncitem, "obj") if handle is None else (handle, "inner_test")
    body = getattr(owner, name)
    setattr(owner, name, _ending_at_once(body, pyfuncitem))
    try:
        return (yield)
    except _EndedAtOnce as ended:
        if isinstance(ended.failure, NotAttempted):
            pytest.skip(f"not attempted: {ended.failure.message}")
        raise ended.failure from None
    finally:
        setattr(owner, name, body)


def _ending_at_once(body: Callable[..., None], item: pytest.Item) -> Callable[..., None]:
    """The body, which ends a test at once where it has to, and keeps the last attempt and what else failed."""
    from autograder.judge.attempt import attempt
    from autograder.judge.running import DIAGNOSED_PROBLEMS

    seen = item.stash.setdefault(_seen, [])

    def checked_body(candidate: TimedCandidate, **problem: Any) -> None:
        item.stash[_last] = made = attempt(body, candidate, problem)
        if made.fault is not None:
            raise made.fault
        if isinstance(made.failure, Ended):
            raise _EndedAtOnce(made.failure)
        if made.failure is not None:
            if len(seen) < DIAGNOSED_PROBLEMS and made.called is not None:
                seen.append(made.seen)
            raise made.failure

    return checked_body


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what was got, expected and guessed in place of the grader's own stack."""
    report = yield
    made, raised = item.stash.get(_last, None), call.excinfo.value if call.excinfo is not None else None
    if report.failed and made is not None and made.failure is not None and raised is made.failure:
        report.longrepr = _explain(item, made)
    return report


def pytest_unconfigure(config: pytest.Config) -> None:
    for running in config.stash.get(_candidates, {}).values():
        if isinstance(running, AbstractContextManager):
            running.__exit__(None, None, None)


def _code(config: pytest.Config) -> str:
    code = config.getoption("--code")
    return "" if code == "own" else code


def _code_of(part: Part, code: str) -> str:
    """Read what `part1=solution,part2=own` says of this part; any other value is for all parts."""
    if "=" not in code:
        return code
    chosen = dict(choice.split("=", 1) for choice in code.split(",") if "=" in choice).get(part.short_name, "own")
    return "" if chosen == "own" else chosen


def _part_of(path: Path) -> Part | None:
    return next((load_part(folder) for folder in path.parents if (folder / "part.toml").is_file()), None)


def _start(part: Part, code: str) -> TimedCandidate:
    from autograder.judge import submission as submissions
    from autograder.judge.candidate import WorkerCandidate
    from autograder.judge.staging import make_stage

    root = part.folder.parent
    try:
        submission = submissions.chosen(code, find_parts(root))
    except CannotGrade as error:
        raise pytest.UsageError(str(error)) from None
    return WorkerCandidate(part, make_stage(part, submission, root=root)).__enter__()


def _start_in_process(part: Part, code: str) -> TimedCandidate:
    from autograder.judge.candidate import DebugCandidate
    from autograder.judge.submission import folder_of

    try:
        return DebugCandidate(part, folder_of(code, part))
    except CannotGrade as error:
        raise pytest.UsageError(str(error)) from None


def _explain(item: pytest.Item, made: Attempt) -> str:
    """The words of run.py for what failed in this attempt, and in those before it."""
    from autograder.judge.collection import collected
    from autograder.judge.diagnosis import explain
    from autograder.judge.grading import as_typed, test_record
    from autograder.judge.running import result_of
    from autograder.reports.explanation import as_text, explanation

    function, part = getattr(item, "function", None), _part_of(item.path)
    mark = mark_of(function)
    assert function is not None
    assert mark is not None
    assert part is not None
    test, seen = collected(item.path, function.__name__, function, mark), item.stash[_seen]
    is_shrunk = test.is_drawn and not isinstance(made.failure, Ended)
    result = result_of(test, made, explain(made.seen, seen), is_shrunk)
    record = test_record(result, 0, as_typed(part, _code_of(part, _code(item.config))))
    return f"{mark.exercise}\n{as_text(explanation(record))}"
